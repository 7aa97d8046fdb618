"""`trigger`: starts a pipeline of the project in the database, and waits for its end."""

import asyncio
import json
import uuid
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import select

from app.artifacts.service.upload import Owner
from app.core.clock import new_id
from app.core.db import Database
from app.engine.states import ExecutionStatus, JobStatus
from app.executions.models import Execution, Job
from app.executions.service.start import Trigger, start_execution
from app.models import Pipeline
from app.projects.models import Project
from tests.fixtures.factories import Factory
from tests.polling import until_true
from tests.workers.runner.memory import Bench, MemoryStore
from workers.runner.storage import JobStorage, StorageRules

CHILD = """
on:
  workflow_dispatch:
    inputs:
      where: {type: string, required: true}
jobs:
  build:
    runs-on: x
    steps:
      - run: make
"""


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project()


@pytest.fixture
async def child(make: Factory, project: Project) -> Pipeline:
    return await make.pipeline(project, slug="deploy", source=CHILD)


@pytest.fixture
async def parent(database: Database, make: Factory, project: Project) -> uuid.UUID:
    trigger = Trigger((await make.pipeline(project)).id, ref="refs/heads/main", actor="alice")
    return (await start_execution(database, trigger, server_url="http://test")).execution_id


def storage(database: Database, project: Project, execution_id: uuid.UUID) -> JobStorage:
    owner = Owner(project.id, new_id(), execution_id, new_id(), 1, new_id())
    return JobStorage(database, Mock(), owner, StorageRules())


def step(**inputs: str) -> str:
    given = json.dumps({"pipeline": "deploy", **inputs})
    return (
        f"on: push\nsteps:\n  - uses: trigger\n    id: it\n    with: {given}\n"
        "  - run: echo '${{ steps.it.outputs.status }} ${{ steps.it.outputs.outputs }}'\n"
    )


async def of(database: Database, pipeline: Pipeline) -> Execution | None:
    async with database.read() as session:
        return await session.scalar(
            select(Execution)
            .where(Execution.pipeline_id == pipeline.id)
            .order_by(Execution.number.desc())
            .limit(1)
        )


async def end(
    database: Database, pipeline: Pipeline, status: ExecutionStatus, outputs: dict[str, Any]
) -> Execution:
    """Wait until the pipeline runs, then end it."""

    async def is_there() -> bool:
        return await of(database, pipeline) is not None

    await until_true(is_there)
    found = await of(database, pipeline)
    assert found is not None
    async with database.session() as session:
        row = await session.get_one(Execution, found.id)
        job = await session.scalar(select(Job).where(Job.execution_id == found.id))
        assert job is not None
        row.status, row.reason, job.outputs = status, "said so", outputs
    return found


async def test_it_waits_and_gives_the_outputs(
    database: Database, bench: Bench, project: Project, child: Pipeline, parent: uuid.UUID
) -> None:
    given = storage(database, project, parent)
    text = step(inputs="where: staging")
    task = bench.start(text, execution_id=parent, storage=given)
    started = await end(database, child, ExecutionStatus.SUCCESS, {"url": "http://x"})
    async with asyncio.timeout(30):
        assert (await task).status is JobStatus.SUCCESS, bench.store.text(0)
    assert started.inputs == {"where": "staging"}
    assert (started.ref, started.actor) == ("refs/heads/main", "alice")
    assert bench.store.text(1) == 'success {"build": {"url": "http://x"}}\n'


async def test_it_fails_with_what_it_waits_for(
    database: Database, bench: Bench, project: Project, child: Pipeline, parent: uuid.UUID
) -> None:
    given = storage(database, project, parent)
    task = bench.start(step(inputs='{"where": "x"}'), execution_id=parent, storage=given)
    await end(database, child, ExecutionStatus.FAILURE, {})
    async with asyncio.timeout(30):
        assert (await task).status is JobStatus.FAILURE
    assert "deploy #1 ended with failure (said so)" in (bench.store.step(0).reason or "")


async def test_it_need_not_wait(
    database: Database, bench: Bench, project: Project, child: Pipeline, parent: uuid.UUID
) -> None:
    given = storage(database, project, parent)
    text = step(inputs="where: x", wait="false", ref="topic")
    result = await bench.run(text, execution_id=parent, storage=given)
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    started = await of(database, child)
    assert started is not None
    assert (started.status, started.ref) == (ExecutionStatus.QUEUED, "refs/heads/topic")


async def test_a_cancel_ends_the_waiting(
    database: Database, bench: Bench, project: Project, child: Pipeline, parent: uuid.UUID
) -> None:
    given = storage(database, project, parent)
    task = bench.start(step(inputs="where: x"), execution_id=parent, storage=given)
    await bench.store.until("Started deploy #1")
    bench.cancel.request()
    async with asyncio.timeout(30):
        assert (await task).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"pipeline": "nowhere"}, "no pipeline 'nowhere'"),
        ({}, "cannot be started"),
        ({"inputs": "where"}, "is not 'name: value'"),
    ],
)
async def test_what_cannot_be_started_says_why(
    database: Database,
    bench: Bench,
    project: Project,
    child: Pipeline,
    parent: uuid.UUID,
    inputs: dict[str, str],
    why: str,
) -> None:
    given = storage(database, project, parent)
    result = await bench.run(step(**inputs), execution_id=parent, storage=given)
    assert result.status is JobStatus.FAILURE
    assert why in (bench.store.step(0).reason or "")
    assert await of(database, child) is None


async def test_a_circle_ends(
    database: Database, bench: Bench, make: Factory, project: Project, parent: uuid.UUID
) -> None:
    circle = await make.pipeline(project, slug="circle")
    text = step(pipeline="circle", wait="false")
    for _ in range(10):
        bench.store = MemoryStore()
        given = storage(database, project, parent)
        result = await bench.run(text, execution_id=parent, storage=given)
        assert result.status is JobStatus.SUCCESS
        last = await of(database, circle)
        assert last is not None
        parent = last.id
    bench.store = MemoryStore()
    given = storage(database, project, parent)
    result = await bench.run(text, execution_id=parent, storage=given)
    assert "10 executions have started each other" in (bench.store.step(0).reason or "")
