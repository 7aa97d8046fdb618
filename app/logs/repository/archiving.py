"""What moving chunks into the archive reads and writes."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, insert, or_, select, update

from app.core.clock import db_now
from app.core.orm import table_of
from app.core.repository import Repository
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_STEP
from app.executions.models import Execution, Step
from app.logs.models import ArchivedChunk, LogArchive, LogChunk

DAY_S = 24 * 3600.0


class ArchivingRepository(Repository):
    """Chunks on their way into the archive, and its files."""

    async def old(self, after: uuid.UUID | None, *, days: int, limit: int) -> Sequence[uuid.UUID]:
        """Executions that ended longer ago and have chunks in the database, by id."""
        has_chunks = exists().where(Step.execution_id == Execution.id, LogChunk.step_id == Step.id)
        statement = (
            select(Execution.id)
            .where(
                Execution.status.in_(sorted(TERMINAL_EXECUTION)),
                Execution.finished_at < db_now(-days * DAY_S),
                has_chunks,
            )
            .order_by(Execution.id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(Execution.id > after)
        return (await self.session.scalars(statement)).all()

    async def steps(self, execution_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """The ended steps of an execution that have chunks in the database, by id."""
        statement = select(Step.id).where(
            Step.execution_id == execution_id,
            Step.status.in_(sorted(TERMINAL_STEP)),
            exists().where(LogChunk.step_id == Step.id),
        )
        return (await self.session.scalars(statement.order_by(Step.id))).all()

    async def chunks(self, step_id: uuid.UUID, *, after: int, limit: int) -> Sequence[LogChunk]:
        """The chunks of a step after the number `after`."""
        statement = (
            select(LogChunk)
            .where(LogChunk.step_id == step_id, LogChunk.number > after)
            .order_by(LogChunk.number)
            .limit(limit)
        )
        return (await self.session.scalars(statement)).all()

    async def begin(self, archive_id: uuid.UUID, execution_id: uuid.UUID) -> None:
        """Write a file down before it is written."""
        await self.session.execute(
            insert(table_of(LogArchive)).values(
                id=archive_id,
                execution_id=execution_id,
                size=0,
                is_complete=False,
                created_at=db_now(),
            )
        )

    async def lock(self, steps: Sequence[uuid.UUID]) -> Sequence[tuple[uuid.UUID, int, bytes]]:
        """Step, number and digest of all chunks of these steps, locked."""
        statement = (
            select(LogChunk.step_id, LogChunk.number, LogChunk.digest)
            .where(LogChunk.step_id.in_(steps))
            .order_by(LogChunk.step_id, LogChunk.number)
            .with_for_update()
        )
        return [(row[0], row[1], bytes(row[2])) for row in await self.session.execute(statement)]

    async def move(
        self, archive_id: uuid.UUID, rows: Sequence[dict[str, Any]], *, size: int
    ) -> None:
        """The chunks are in the file from now on, and not in the database any more."""
        steps = sorted({row["step_id"] for row in rows})
        await self.session.execute(insert(table_of(ArchivedChunk)), list(rows))
        await self.session.execute(
            delete(LogChunk)
            .where(LogChunk.step_id.in_(steps))
            .execution_options(synchronize_session=False)
        )
        await self.session.execute(
            update(LogArchive)
            .where(LogArchive.id == archive_id)
            .values(is_complete=True, size=size)
            .execution_options(synchronize_session=False)
        )

    async def unused(self, *, older_than_s: float, limit: int) -> Sequence[uuid.UUID]:
        """Files of deleted executions, and those that were begun longer ago and never completed."""
        broke_off = LogArchive.is_complete.is_(False) & (
            LogArchive.created_at < db_now(-older_than_s)
        )
        statement = select(LogArchive.id).where(
            or_(LogArchive.execution_id.is_(None), broke_off),
            ~exists().where(ArchivedChunk.archive_id == LogArchive.id),
        )
        return (await self.session.scalars(statement.limit(limit))).all()

    async def forget(self, archive_id: uuid.UUID) -> None:
        """The file is gone."""
        await self.session.execute(delete(LogArchive).where(LogArchive.id == archive_id))

    async def now(self) -> datetime:
        """The database's time."""
        return (await self.session.execute(select(db_now()))).scalar_one()
