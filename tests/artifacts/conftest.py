"""Jobs that run for real, over a real database and a store in a folder."""

import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from app.artifacts.store import ContentStore
from app.core import log_chunks
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.executions.service.claim import Claimed
from app.executions.service.rerun import rerun_execution
from app.logs.models import LogChunk
from app.models import Pipeline, PipelineVersion
from app.settings import Settings
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory
from workers.executors.host import HostExecutor
from workers.runner.database import ClaimHolder, assignment_of
from workers.runner.job import run_job
from workers.runner.ports import CancelSignal, JobResult
from workers.runner.settings import RunnerSettings
from workers.storages import open_storages


@dataclass
class Floor:
    """Runs the jobs of executions one by one, as the test says."""

    driver: Driver
    make: Factory
    executor: HostExecutor
    settings: Settings
    cancel: CancelSignal = field(default_factory=CancelSignal)

    @property
    def database(self) -> Database:
        return self.driver.database

    @property
    def store(self) -> ContentStore:
        return ContentStore(self.settings.artifacts_url)

    async def pipeline(self, source: str) -> uuid.UUID:
        """A new pipeline in a new project."""
        return (await self.make.pipeline(await self.make.project(), source=source)).id

    async def start(self, source: str) -> uuid.UUID:
        """Start an execution of a new pipeline."""
        return await self.driver.start(await self.pipeline(source))

    async def save(self, pipeline_id: uuid.UUID, source: str) -> None:
        """A new version of a pipeline, used from now on."""
        async with self.database.session() as session:
            pipeline = await session.get_one(Pipeline, pipeline_id)
            pipeline.current_version += 1
            version = PipelineVersion(
                id=new_id(),
                pipeline_id=pipeline_id,
                number=pipeline.current_version,
                source=source,
                files={},
                digest=hashlib.sha256(source.encode()).hexdigest(),
                created_at=utcnow(),
            )
            session.add(version)

    async def rerun(self, execution_id: uuid.UUID) -> None:
        """Run the failed jobs of an ended execution again."""
        await rerun_execution(
            self.database, execution_id=execution_id, what="failed", max_worker_lost=2
        )

    async def once(self, pipeline_id: uuid.UUID, **options: object) -> JobResult:
        """Start an execution of a pipeline with one job and run that."""
        execution_id = await self.driver.start(pipeline_id, **options)
        (key,) = await self.driver.jobs(execution_id)
        return await self.run(execution_id, key)

    async def log(self) -> str:
        """Everything that all jobs of this test printed."""
        async with self.database.read() as session:
            chunks = await session.scalars(select(LogChunk).order_by(LogChunk.step_id))
            texts = [log_chunks.served_text(chunk.data, chunk.times) for chunk in chunks]
        return b"".join(texts).decode()

    async def claim(self, execution_id: uuid.UUID, key: str) -> Claimed:
        """Claim a job."""
        claimed = await self.driver.claim(execution_id, key)
        assert claimed is not None, f"{key} could not be claimed"
        return claimed

    async def run(self, execution_id: uuid.UUID, key: str) -> JobResult:
        """Claim a job and run it to its end."""
        return await self.run_claimed(await self.claim(execution_id, key))

    async def run_claimed(self, claimed: Claimed) -> JobResult:
        """Run a claimed job to its end."""
        holder = ClaimHolder(self.database, claimed, max_worker_lost=2)
        storage = await open_storages(self.settings, self.database)(claimed)
        assignment = assignment_of(claimed, secrets={}, keep_workspace=False)
        return await run_job(
            replace(assignment, storage=storage),
            reporter=holder,
            logs=holder,
            executor=self.executor,
            cancel=self.cancel,
            settings=RunnerSettings(grace_s=0.5),
        )


@pytest.fixture
def work_root() -> Iterator[Path]:
    # Not `tmp_path`: pytest makes that 0700, and jobs of root run as other accounts.
    folder = Path(tempfile.mkdtemp(prefix="ansflow-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def floor(
    database: Database, make: Factory, settings: Settings, work_root: Path
) -> Iterator[Floor]:
    executor = HostExecutor(work_root)
    yield Floor(Driver(database, new_id()), make, executor, settings)
    executor.close()
