"""What merging reads and writes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from app.core.repository import Repository
from app.engine.states import TERMINAL_STEP
from app.executions.models import Step
from app.logs.models import LogChunk


@dataclass(frozen=True, slots=True)
class StoredSize:
    """A chunk without its text."""

    number: int
    first_line: int
    line_count: int
    raw_bytes: int


class MergeRepository(Repository):
    """Chunks of one step."""

    async def ended_steps(self, job_id: uuid.UUID, attempt: int) -> Sequence[uuid.UUID]:
        """The steps of an attempt that have ended."""
        statement = select(Step.id).where(
            Step.job_id == job_id, Step.attempt == attempt, Step.status.in_(TERMINAL_STEP)
        )
        return (await self.session.scalars(statement)).all()

    async def sizes(self, step_id: uuid.UUID) -> list[StoredSize]:
        """All chunks in order, without their texts."""
        statement = (
            select(LogChunk.number, LogChunk.first_line, LogChunk.line_count, LogChunk.raw_bytes)
            .where(LogChunk.step_id == step_id)
            .order_by(LogChunk.number)
        )
        return [StoredSize(*row) for row in await self.session.execute(statement)]

    async def lock(self, step_id: uuid.UUID, *, first: int, last: int) -> Sequence[LogChunk]:
        """The chunks with these numbers, locked until the transaction ends."""
        statement = (
            select(LogChunk)
            .where(LogChunk.step_id == step_id, LogChunk.number.between(first, last))
            .order_by(LogChunk.number)
            .with_for_update()
        )
        return (await self.session.scalars(statement)).all()

    async def replace(self, step_id: uuid.UUID, *, first: int, last: int, **values: Any) -> None:
        """The first chunk gets the content of all of them; the others go."""
        of_step = LogChunk.step_id == step_id
        await self.session.execute(
            update(LogChunk)
            .where(of_step, LogChunk.number == first)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        await self.session.execute(
            delete(LogChunk)
            .where(of_step, LogChunk.number > first, LogChunk.number <= last)
            .execution_options(synchronize_session=False)
        )
