"""Executions, jobs, steps, events and chunks for realtime tests, written as the engine does."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database
from app.core.log_chunks import Times, compress, digest, encode_times
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.events import JobChanged, StepChanged, log_written, publish_after_commit
from app.executions.models import Execution, ExecutionEvent, Job, Step
from app.logs.models import LogChunk
from app.pipelines.models import Pipeline, PipelineVersion


class Story:
    """One execution with one job and one step, moved by hand."""

    def __init__(self, database: Database, execution: Execution, job: Job, step: Step) -> None:
        self.database, self.execution, self.job, self.step = database, execution, job, step
        self.seq = 0
        self.lines = 0
        self.chunks = 1

    @property
    def topic(self) -> str:
        return f"execution:{self.execution.id}"

    @property
    def log_topic(self) -> str:
        return f"job:{self.job.id}:log"

    async def change(self, *, publish: bool = True, times: int = 1) -> list[JobChanged]:
        """Write the next events and publish them."""
        events = []
        async with self.database.session() as session:
            for _ in range(times):
                self.seq += 1
                events.append(await self._write_event(session))
            execution = await session.get_one(Execution, self.execution.id)
            execution.seq = self.seq
            if publish:
                publish_after_commit(session, *events)
        return events

    async def _write_event(self, session: AsyncSession) -> JobChanged:
        event = JobChanged(
            seq=self.seq,
            execution_id=self.execution.id,
            job_id=self.job.id,
            key="build",
            name="build",
            attempt=self.seq,
            status=JobStatus.RUNNING,
        )
        session.add(
            ExecutionEvent(
                execution_id=self.execution.id,
                seq=self.seq,
                type=event.type,
                cause="test",
                job_id=self.job.id,
                data=event.data(),
                at=event.at,
            )
        )
        return event

    async def add_jobs(self, count: int) -> None:
        """So many more jobs, without steps."""
        async with self.database.session() as session:
            session.add_all(_job(self.execution.id, position) for position in range(1, count + 1))

    async def write(self, *lines: str, publish: bool = True) -> None:
        """Write one chunk of the step's log."""
        text = "".join(f"{line}\n" for line in lines).encode()
        data, times = compress(text), encode_times(Times([(len(lines), 100)]))
        first = self.lines + 1
        async with self.database.session() as session:
            session.add(
                LogChunk(
                    step_id=self.step.id,
                    number=self.chunks,
                    first_line=first,
                    line_count=len(lines),
                    raw_bytes=len(text),
                    digest=digest(data, times),
                    data=data,
                    times=times,
                    created_at=utcnow(),
                )
            )
            if publish:
                event = log_written(
                    job_id=self.job.id,
                    step_id=self.step.id,
                    index=0,
                    attempt=1,
                    first_line=first,
                    line_count=len(lines),
                    raw_bytes=len(text),
                    data=data,
                    times=times,
                )
                publish_after_commit(session, event)
        self.lines += len(lines)
        self.chunks += 1

    async def end_step(self, status: StepStatus = StepStatus.SUCCESS) -> None:
        """The step ends; its state is published."""
        async with self.database.session() as session:
            step = await session.get_one(Step, self.step.id)
            step.status, step.lines, step.complete = status, self.lines, True
            publish_after_commit(
                session,
                StepChanged(
                    execution_id=self.execution.id,
                    job_id=self.job.id,
                    step_id=step.id,
                    index=0,
                    attempt=1,
                    name=step.name,
                    status=status,
                    lines=self.lines,
                    complete=True,
                ),
            )


async def tell(database: Database, pipeline: Pipeline, *, number: int = 1) -> Story:
    """A running execution of a pipeline."""
    now = utcnow()
    async with database.session() as session:
        version = await session.scalar(
            select(PipelineVersion.id).where(PipelineVersion.pipeline_id == pipeline.id)
        )
        assert version is not None
        execution = _execution(pipeline, version, number, now)
        session.add(execution)
        await session.flush()
        job = _job(execution.id)
        session.add(job)
        await session.flush()
        step = Step(
            id=new_id(),
            execution_id=execution.id,
            job_id=job.id,
            attempt=1,
            index=0,
            name="make",
            status=StepStatus.RUNNING,
            started_at=now,
            outputs={},
        )
        session.add(step)
    return Story(database, execution, job, step)


def _execution(pipeline: Pipeline, version_id: UUID, number: int, now: datetime) -> Execution:
    return Execution(
        id=new_id(),
        project_id=pipeline.project_id,
        pipeline_id=pipeline.id,
        version_id=version_id,
        number=number,
        status=ExecutionStatus.RUNNING,
        title="test",
        event="manual",
        github={},
        vars={},
        inputs={},
        actor="test",
        priority="high",
        created_at=now,
        started_at=now,
    )


def _job(execution_id: UUID, position: int = 0) -> Job:
    return Job(
        id=new_id(),
        execution_id=execution_id,
        position=position,
        key=f"build{position or ''}",
        job_id="build",
        name=f"build{position or ''}",
        kind="job",
        path=[],
        needs=[],
        status=JobStatus.RUNNING,
        started_at=utcnow(),
        outputs={},
        labels=[],
        options={},
        timeout_s=60.0,
        inputs={},
        annotations=[],
    )
