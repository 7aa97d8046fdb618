"""What readers of logs ask for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, union_all

from app.auth.principals import Principal
from app.core.repository import Repository
from app.engine.states import ExecutionStatus, JobStatus
from app.executions.models import Execution, Job, Step
from app.logs.models import ArchivedChunk, LogChunk
from app.logs.parts import Part
from app.logs.repository.archived import ArchivedRepository
from app.projects.repository import permitted
from app.projects.rights import Action

_PART = (
    Step.id,
    Step.execution_id,
    Step.job_id,
    Job.position,
    Job.key,
    Job.name,
    Step.attempt,
    Step.index,
    Step.try_number,
    Step.name,
    Step.status,
    Step.outcome,
    Step.conclusion,
    Step.exit_code,
    Step.reason,
    Step.started_at,
    Step.finished_at,
    Step.lines,
    Step.bytes,
    Step.sha256,
    Step.complete,
)
Chunks = type[LogChunk] | type[ArchivedChunk]
_ORDER = (Job.position, Step.attempt, Step.index, Step.try_number)


@dataclass(frozen=True, slots=True)
class JobState:
    """What decides whether the log of a job is at its end."""

    id: uuid.UUID
    execution_id: uuid.UUID
    key: str
    name: str
    status: JobStatus
    reason: str | None
    attempt: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """What a chunk holds, without its text."""

    step_id: uuid.UUID
    first_line: int
    line_count: int
    raw_bytes: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with its text."""

    step_id: uuid.UUID
    number: int
    first_line: int
    line_count: int
    data: bytes
    times: bytes
    created_at: datetime


class LogRepository(Repository):
    """Reads by primary key or index; what may be seen is decided where a log is looked up."""

    async def part(self, principal: Principal, step_id: uuid.UUID) -> Part | None:
        """One step that the caller may see."""
        parts = await self._parts(_visible(principal).where(Step.id == step_id))
        return parts[0] if parts else None

    async def job(self, principal: Principal, job_id: uuid.UUID) -> JobState | None:
        """One job that the caller may see."""
        statement = _jobs().where(Job.id == job_id, _readable(principal))
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else JobState(*row)

    async def execution(
        self, principal: Principal, execution_id: uuid.UUID
    ) -> ExecutionStatus | None:
        """The status of an execution that the caller may see."""
        statement = select(Execution.status).where(
            Execution.id == execution_id, _readable(principal)
        )
        return await self.session.scalar(statement)

    async def jobs(self, execution_id: uuid.UUID) -> list[JobState]:
        """All jobs of an execution, in order of the file."""
        statement = _jobs().where(Job.execution_id == execution_id).order_by(Job.position)
        return [JobState(*row) for row in await self.session.execute(statement)]

    async def parts_of_job(self, job_id: uuid.UUID, *, attempt: int | None = None) -> list[Part]:
        """The steps of an attempt of a job (None: the current one), in the order they run."""
        wanted = Job.attempt if attempt is None else attempt
        statement = _all().where(Step.job_id == job_id, Step.attempt == wanted)
        return await self._parts(statement.order_by(*_ORDER))

    async def parts_of_execution(self, execution_id: uuid.UUID) -> list[Part]:
        """The steps of the current attempts of all jobs."""
        statement = _all().where(Step.execution_id == execution_id, Step.attempt == Job.attempt)
        return await self._parts(statement.order_by(*_ORDER))

    async def sizes(
        self, steps: Sequence[uuid.UUID], *, first_line: int, limit: int
    ) -> list[ChunkSize]:
        """The chunks of these steps in order, the first step from `first_line` on."""
        both = union_all(
            *(
                select(of.step_id, of.first_line, of.line_count, of.raw_bytes).where(
                    _from(of, steps, first_line)
                )
                for of in (LogChunk, ArchivedChunk)
            )
        ).subquery()
        statement = (
            select(both)
            .join(Step, Step.id == both.c.step_id)
            .join(Job, Job.id == Step.job_id)
            .order_by(*_ORDER, both.c.first_line)
            .limit(limit)
        )
        return [ChunkSize(*row) for row in await self.session.execute(statement)]

    async def chunks(
        self, steps: Sequence[uuid.UUID], *, first_line: int, last_line: int
    ) -> list[StoredChunk]:
        """The chunks of these steps: the first from `first_line`, the last up to `last_line`.

        By lines and not by numbers: chunks may have been merged since they were counted.
        """
        conditions = _between(LogChunk, steps, first_line, last_line)
        statement = _chunks().where(conditions).order_by(LogChunk.step_id, LogChunk.first_line)
        found = await self._stored(statement)
        archived = set(steps) - {chunk.step_id for chunk in found}
        if archived:
            conditions = _between(ArchivedChunk, steps, first_line, last_line)
            found += await self._archived(
                select(ArchivedChunk)
                .where(ArchivedChunk.step_id.in_(sorted(archived)), conditions)
                .order_by(ArchivedChunk.step_id, ArchivedChunk.first_line)
            )
        return found

    async def chunks_after(
        self, step_id: uuid.UUID, *, number: int, first_line: int, limit: int, ended: bool = False
    ) -> list[StoredChunk]:
        """The chunks from `first_line` on, when `number` was the chunk before it (0: not known).

        Going on by number costs the same for the last chunk as for the first. When the line is
        not there, chunks were merged meanwhile: then the line is looked up. Those of a step that
        has `ended` may be in the archive.
        """
        found: list[StoredChunk] = []
        if number:
            by_number = _chunks().where(LogChunk.step_id == step_id, LogChunk.number > number)
            found = await self._stored(by_number.order_by(LogChunk.number).limit(limit))
        if not found or found[0].first_line != first_line:
            by_line = _chunks().where(_reaches(LogChunk, step_id, first_line))
            found = await self._stored(by_line.order_by(LogChunk.number).limit(limit))
        if ended and not found:
            archived = select(ArchivedChunk).where(_reaches(ArchivedChunk, step_id, first_line))
            found = await self._archived(archived.order_by(ArchivedChunk.number).limit(limit))
        return found

    async def _archived(self, statement: Select[ArchivedChunk]) -> list[StoredChunk]:
        return [
            StoredChunk(
                row.step_id, row.number, row.first_line, row.line_count, *blobs, row.created_at
            )
            for row, blobs in await ArchivedRepository(self.session).load(statement)
        ]

    async def _stored(self, statement: Select[*tuple[Any, ...]]) -> list[StoredChunk]:
        return [StoredChunk(*row) for row in await self.session.execute(statement)]

    async def _parts(self, statement: Select[*tuple[Any, ...]]) -> list[Part]:
        return [Part(*row) for row in await self.session.execute(statement)]


def _readable(principal: Principal) -> ColumnElement[bool]:
    return permitted(Execution.project_id, principal, Action.LOG_READ)


def _all() -> Select[*tuple[Any, ...]]:
    return select(*_PART).join(Job, Job.id == Step.job_id)


def _visible(principal: Principal) -> Select[*tuple[Any, ...]]:
    joined = _all().join(Execution, Execution.id == Step.execution_id)
    return joined.where(_readable(principal))


def _jobs() -> Select[*tuple[Any, ...]]:
    return select(
        Job.id,
        Job.execution_id,
        Job.key,
        Job.name,
        Job.status,
        Job.reason,
        Job.attempt,
        Job.started_at,
    ).join(Execution, Execution.id == Job.execution_id)


def _chunks() -> Select[*tuple[Any, ...]]:
    return select(
        LogChunk.step_id,
        LogChunk.number,
        LogChunk.first_line,
        LogChunk.line_count,
        LogChunk.data,
        LogChunk.times,
        LogChunk.created_at,
    )


def _reaches(of: Chunks, step_id: uuid.UUID, line: int) -> ColumnElement[bool]:
    return and_(of.step_id == step_id, of.first_line + of.line_count > line)


def _from(of: Chunks, steps: Sequence[uuid.UUID], first_line: int) -> ColumnElement[bool]:
    return or_(_reaches(of, steps[0], first_line), of.step_id.in_(steps[1:]))


def _between(
    of: Chunks, steps: Sequence[uuid.UUID], first_line: int, last_line: int
) -> ColumnElement[bool]:
    return and_(
        _from(of, steps, first_line), or_(of.step_id != steps[-1], of.first_line <= last_line)
    )
