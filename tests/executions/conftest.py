"""Fixtures of the execution services."""

import uuid
from collections.abc import Awaitable, Callable, Sequence

import pytest

from app.core.db import Database
from app.executions import locking
from app.executions.models import Execution, Job
from app.executions.nodes import node_of
from app.executions.repository.moving import MovingRepository
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory

Launch = Callable[..., Awaitable[uuid.UUID]]


@pytest.fixture(autouse=True)
def memory_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare what the process remembers of an execution with the database, whenever it is used."""
    remembered = locking.jobs_of

    async def compared(repository: MovingRepository, execution: Execution) -> Sequence[Job]:
        jobs = await remembered(repository, execution)
        stored = await repository.jobs(execution.id)
        assert [_facts(job) for job in jobs] == [_facts(job) for job in stored]
        return jobs

    monkeypatch.setattr(locking, "jobs_of", compared)


def _facts(job: Job) -> object:
    held = (job.id, job.claim_token, job.worker_id, job.queue, job.started_at, job.finished_at)
    return node_of(job), held


@pytest.fixture
def driver(database: Database) -> Driver:
    """A worker that only claims and finishes."""
    return Driver(database)


@pytest.fixture
def launch(driver: Driver, make: Factory) -> Launch:
    """Start an execution of a pipeline with this text."""

    async def start(source: str, **options: object) -> uuid.UUID:
        project = await make.project()
        pipeline = await make.pipeline(project, source=source)
        return await driver.start(pipeline.id, **options)

    return start
