"""Executions with logs, written as a worker writes them."""

import hashlib
import itertools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.core.log_chunks import Times, compress, digest, encode_times, served_text
from app.core.orm import Base
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.events import EventBus, LocalBus, log_written
from app.executions.models import Execution, Job, Step
from app.logs.models import LogChunk
from app.logs.service import cursor as cursors
from app.models import PipelineVersion, Project
from tests.fixtures.factories import Factory

_numbers = itertools.count(1)
TIME = 1_900_000_000_00
"""Of the first line, in units of 10 ms."""


@dataclass(slots=True)
class LoggedStep:
    """A step whose lines are written one chunk after the other."""

    id: uuid.UUID
    job_id: uuid.UUID
    database: Database
    index: int = 0
    chunks: int = 0
    lines: int = 0
    bus: EventBus | None = None

    async def write(
        self, *texts: str, continued: Iterable[int] = (), announce: bool = True
    ) -> None:
        """One chunk with these lines; announced on the bus unless told otherwise."""
        data = compress("".join(f"{text}\n" for text in texts).encode())
        times = encode_times(Times([(len(texts), TIME + self.lines)], list(continued)))
        self.chunks += 1
        raw_bytes = sum(len(text.encode()) + 1 for text in texts)
        row = LogChunk(
            step_id=self.id,
            number=self.chunks,
            first_line=self.lines + 1,
            line_count=len(texts),
            raw_bytes=raw_bytes,
            digest=digest(data, times),
            data=data,
            times=times,
            created_at=utcnow(),
        )
        async with self.database.session() as session:
            session.add(row)
        if self.bus is not None and announce:
            event = log_written(
                job_id=self.job_id,
                step_id=self.id,
                index=self.index,
                attempt=1,
                first_line=self.lines + 1,
                line_count=len(texts),
                raw_bytes=raw_bytes,
                data=data,
                times=times,
            )
            self.bus.publish([event])
        self.lines += len(texts)

    async def end(self, status: StepStatus = StepStatus.SUCCESS, *, complete: bool = True) -> str:
        """The step has ended; its digest."""
        text = await self.stored()
        sha256 = hashlib.sha256(text).hexdigest()
        async with self.database.session() as session:
            step = await session.get_one(Step, self.id)
            step.status, step.conclusion, step.outcome = status, status, status
            step.complete = complete
            if complete:
                step.lines, step.bytes, step.sha256 = self.lines, len(text), sha256
        return sha256

    async def end_without_reading(self, lines: int) -> None:
        """The step has ended with so many lines; its chunks may be merged."""
        async with self.database.session() as session:
            step = await session.get_one(Step, self.id)
            step.status, step.lines, step.complete = StepStatus.SUCCESS, lines, True

    async def set_status(self, status: StepStatus) -> None:
        """The step has this status now."""
        async with self.database.session() as session:
            (await session.get_one(Step, self.id)).status = status

    async def stored(self) -> bytes:
        """The text as the worker counted it."""
        parts = []
        async with self.database.read() as session:
            for number in range(1, self.chunks + 1):
                chunk = await session.get_one(LogChunk, (self.id, number))
                parts.append(served_text(chunk.data, chunk.times))
        return b"".join(parts)


class LogFactory:
    """Makes executions, jobs and steps in given states."""

    def __init__(self, database: Database, make: Factory) -> None:
        self.database, self.make = database, make
        self.bus: EventBus | None = None

    async def _add(self, *rows: Base) -> None:
        async with self.database.session() as session:
            for row in rows:
                session.add(row)
                await session.flush()

    async def execution(self, project: Project | None = None) -> Execution:
        """A running execution."""
        project = project or await self.make.project()
        pipeline = await self.make.pipeline(project)
        version = await self.version(pipeline.id)
        execution = Execution(
            id=new_id(),
            project_id=project.id,
            pipeline_id=pipeline.id,
            version_id=version,
            number=1,
            status=ExecutionStatus.RUNNING,
            title="test",
            event="workflow_dispatch",
            github={},
            vars={},
            inputs={},
            actor="test",
            priority="high",
            created_at=utcnow(),
        )
        await self._add(execution)
        return execution

    async def version(self, pipeline_id: uuid.UUID) -> uuid.UUID:
        """The id of the only version of a pipeline."""
        async with self.database.read() as session:
            found = await session.scalar(
                select(PipelineVersion.id).where(PipelineVersion.pipeline_id == pipeline_id)
            )
        assert found is not None
        return found

    async def job(self, execution: Execution, key: str = "build", *, started: bool = True) -> Job:
        """A job, running unless told otherwise."""
        position = next(_numbers)
        job = Job(
            id=new_id(),
            execution_id=execution.id,
            position=position,
            key=key,
            job_id=key,
            name=key,
            kind="job",
            path=[],
            needs=[],
            status=JobStatus.RUNNING if started else JobStatus.BLOCKED,
            outputs={},
            labels=[],
            options={},
            timeout_s=60.0,
            inputs={},
            annotations=[],
            started_at=utcnow() if started else None,
        )
        await self._add(job)
        return job

    async def step(
        self,
        job: Job,
        index: int = 0,
        *,
        status: StepStatus = StepStatus.RUNNING,
        attempt: int = 1,
        try_number: int = 1,
    ) -> LoggedStep:
        """A step, running unless told otherwise."""
        step = Step(
            id=new_id(),
            execution_id=job.execution_id,
            job_id=job.id,
            attempt=attempt,
            index=index,
            try_number=try_number,
            name=f"step {index}",
            status=status,
            outputs={},
        )
        await self._add(step)
        return LoggedStep(step.id, job.id, self.database, index, bus=self.bus)

    async def start_job(self, job: Job) -> None:
        """The job runs now."""
        async with self.database.session() as session:
            row = await session.get_one(Job, job.id)
            row.status, row.started_at = JobStatus.RUNNING, utcnow()

    async def end_job(self, job: Job, status: JobStatus = JobStatus.SUCCESS) -> None:
        """The job has ended."""
        async with self.database.session() as session:
            (await session.get_one(Job, job.id)).status = status

    async def end(
        self, execution: Execution, status: ExecutionStatus = ExecutionStatus.SUCCESS
    ) -> None:
        """The execution has ended."""
        async with self.database.session() as session:
            (await session.get_one(Execution, execution.id)).status = status


@pytest.fixture
def logged(database: Database, make: Factory) -> LogFactory:
    """Makes executions with logs."""
    return LogFactory(database, make)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursors, "SILENCE_S", 0.1)


@pytest.fixture
def bus(request: pytest.FixtureRequest, logged: LogFactory) -> LocalBus:
    """A bus that works, unless the test asks for one that hears nothing."""
    made = getattr(request, "param", LocalBus)()
    logged.bus = made
    return made
