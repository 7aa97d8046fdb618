"""What the hub reads: history after a number, and snapshots of the present."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, union_all

from app.core.db import ReadSession
from app.engine.states import TERMINAL_STEP
from app.executions.models import Execution, ExecutionEvent, Job, Step
from app.logs.models import ArchivedChunk, LogChunk
from app.logs.repository.archived import ArchivedRepository
from app.realtime.log_slices import StoredChunk

_EXECUTION = [
    "id",
    "pipeline_id",
    "project_id",
    "number",
    "attempt",
    "status",
    "reason",
    "title",
    "event",
    "ref",
    "sha",
    "actor",
    "cancel_requested",
    "created_at",
    "started_at",
    "finished_at",
]
_JOB = [
    "id",
    "position",
    "key",
    "job_id",
    "name",
    "kind",
    "parent",
    "needs",
    "status",
    "reason",
    "attempt",
    "environment",
    "environment_url",
    "started_at",
    "finished_at",
]
_STEP = [
    "id",
    "job_id",
    "attempt",
    "index",
    "try_number",
    "name",
    "status",
    "outcome",
    "conclusion",
    "reason",
    "exit_code",
    "started_at",
    "finished_at",
    "lines",
    "complete",
]


class RealtimeRepository:
    """Reads for the hub; all of them by primary key or index."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def execution(self, execution_id: UUID) -> tuple[int, dict[str, Any]] | None:
        """The number of its last event, and the execution with jobs and steps."""
        columns = [getattr(Execution, name) for name in _EXECUTION]
        found = await self._session.execute(
            select(Execution.seq, *columns).where(Execution.id == execution_id)
        )
        row = found.one_or_none()
        if row is None:
            return None
        jobs = await self._session.execute(
            select(*[getattr(Job, name) for name in _JOB])
            .where(Job.execution_id == execution_id)
            .order_by(Job.position)
        )
        data = dict(zip(_EXECUTION, row[1:], strict=True))
        data["jobs"] = [dict(zip(_JOB, job, strict=True)) for job in jobs]
        data["steps"] = await self.steps_of_execution(execution_id)
        return row[0], data

    async def last_seq(self, execution_id: UUID) -> int | None:
        """The number of the last event of an execution."""
        return await self._session.scalar(select(Execution.seq).where(Execution.id == execution_id))

    async def steps_of_execution(self, execution_id: UUID) -> list[dict[str, Any]]:
        """All steps of all attempts."""
        steps = await self._session.execute(
            select(*[getattr(Step, name) for name in _STEP])
            .where(Step.execution_id == execution_id)
            .order_by(Step.job_id, Step.attempt, Step.index, Step.try_number)
        )
        return [dict(zip(_STEP, step, strict=True)) for step in steps]

    async def steps_of_job(self, job_id: UUID) -> list[dict[str, Any]]:
        """All steps of a job, in the order in which they run."""
        steps = await self._session.execute(
            select(*[getattr(Step, name) for name in _STEP])
            .where(Step.job_id == job_id)
            .order_by(Step.attempt, Step.index, Step.try_number)
        )
        return [dict(zip(_STEP, step, strict=True)) for step in steps]

    async def job(self, job_id: UUID) -> dict[str, Any] | None:
        """A job."""
        found = await self._session.execute(
            select(Job.execution_id, *[getattr(Job, name) for name in _JOB]).where(Job.id == job_id)
        )
        row = found.one_or_none()
        return None if row is None else dict(zip(["execution_id", *_JOB], row, strict=True))

    async def events(
        self, execution_id: UUID, *, after: int, limit: int
    ) -> Sequence[tuple[int, str, Mapping[str, Any], Any]]:
        """(seq, type, data, at) of the events after `after`, in order."""
        found = await self._session.execute(
            select(ExecutionEvent.seq, ExecutionEvent.type, ExecutionEvent.data, ExecutionEvent.at)
            .where(ExecutionEvent.execution_id == execution_id, ExecutionEvent.seq > after)
            .order_by(ExecutionEvent.seq)
            .limit(limit)
        )
        return [(row[0], row[1], row[2], row[3]) for row in found]

    async def chunks(
        self, job_id: UUID, step: Mapping[str, Any], *, after_line: int, limit: int
    ) -> list[StoredChunk]:
        """The chunks of a step that hold lines after `after_line`, in order."""
        found = await self._session.execute(
            select(
                LogChunk.first_line,
                LogChunk.line_count,
                LogChunk.raw_bytes,
                LogChunk.data,
                LogChunk.times,
            )
            .where(
                LogChunk.step_id == step["id"],
                LogChunk.first_line + LogChunk.line_count > after_line + 1,
            )
            .order_by(LogChunk.first_line)
            .limit(limit)
        )
        rows: list[tuple[Any, ...]] = [tuple(row) for row in found]
        if not rows and step["status"] in TERMINAL_STEP:
            rows = await self._archived(step["id"], after_line, limit)
        return [
            StoredChunk(job_id, step["id"], step["index"], step["attempt"], *row) for row in rows
        ]

    async def _archived(self, step_id: UUID, after_line: int, limit: int) -> list[tuple[Any, ...]]:
        statement = (
            select(ArchivedChunk)
            .where(
                ArchivedChunk.step_id == step_id,
                ArchivedChunk.first_line + ArchivedChunk.line_count > after_line + 1,
            )
            .order_by(ArchivedChunk.first_line)
            .limit(limit)
        )
        return [
            (row.first_line, row.line_count, row.raw_bytes, *blobs)
            for row, blobs in await ArchivedRepository(self._session).load(statement)
        ]

    async def last_lines(self, job_id: UUID) -> dict[UUID, int]:
        """The last stored line of each step of a job that has any."""
        both = union_all(
            *(
                select(of.step_id, func.max(of.first_line + of.line_count - 1))
                .join(Step, Step.id == of.step_id)
                .where(Step.job_id == job_id)
                .group_by(of.step_id)
                for of in (LogChunk, ArchivedChunk)
            )
        )
        found = await self._session.execute(both)
        return {row[0]: int(row[1]) for row in found}
