"""The SQL of the outbox."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, bindparam, delete, func, insert, or_, select, update

from app.core.clock import db_now
from app.core.db import AsyncSession, ReadSession
from app.jobs.models import OutboxRow

_TABLE: Table = OutboxRow.__table__  # type: ignore[assignment]  # declarative says FromClause
_FREE = or_(OutboxRow.taken_until.is_(None), OutboxRow.taken_until < db_now())

# Made once: building a statement and its cache key costs more than sending it.
_INSERT = insert(_TABLE)
_NOW = select(db_now())


@cache
def _insert_one(columns: tuple[str, ...], *, at_once: bool) -> Insert:
    values: dict[str, Any] = {name: bindparam(name, type_=_TABLE.c[name].type) for name in columns}
    if at_once:
        values["not_before"] = db_now()
    return insert(_TABLE).values({**values, "created_at": db_now()})


class OutboxRepository:
    """Writing rows, and taking them for publication.

    Parameters: a `session` of the transaction that all of it belongs to.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rows: Sequence[dict[str, Any]], *, now: datetime | None = None) -> None:
        """Insert rows with ONE statement. `not_before` None means at once.

        Parameters: `now` is the database's time; None reads it when there are several rows.
        """
        if len(rows) == 1:
            (row,) = rows
            at_once = row["not_before"] is None
            await self._session.execute(_insert_one(tuple(row), at_once=at_once), row)
            return
        # The driver joins many rows into one INSERT only when there are no expressions in it.
        if now is None:
            now = await self._session.scalar(_NOW)
        stamped = [
            row | {"created_at": now, "not_before": row["not_before"] or now} for row in rows
        ]
        await self._session.execute(_INSERT, stamped)

    async def now(self) -> datetime:
        """The database's time."""
        return (await self._session.execute(_NOW)).scalar_one()

    async def take(
        self, ids: Sequence[uuid.UUID], *, by: uuid.UUID, for_s: float
    ) -> Sequence[OutboxRow]:
        """Reserve those of `ids` that nobody else holds, for `for_s` seconds; returns them."""
        await self._session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_(ids), _FREE)
            .values(taken_by=by, taken_until=db_now(for_s))
            .execution_options(synchronize_session=False)
        )
        mine = select(OutboxRow).where(OutboxRow.id.in_(ids), OutboxRow.taken_by == by)
        return (await self._session.scalars(mine.order_by(OutboxRow.id))).all()

    async def release(self, ids: Sequence[uuid.UUID], *, by: uuid.UUID) -> None:
        """Give rows back, so that any process may publish them."""
        await self._session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_(ids), OutboxRow.taken_by == by)
            .values(taken_by=None, taken_until=None)
            .execution_options(synchronize_session=False)
        )

    async def release_all(self) -> None:
        """Give all rows back: only for a process that is the only one on this database."""
        await self._session.execute(
            update(OutboxRow)
            .where(OutboxRow.taken_by.is_not(None))
            .values(taken_by=None, taken_until=None)
            .execution_options(synchronize_session=False)
        )

    async def remove(self, ids: Sequence[uuid.UUID]) -> None:
        """Delete rows that were published."""
        await self._session.execute(delete(_TABLE).where(_TABLE.c.id.in_(ids)))


class OutboxReads:
    """What the relay and the health check ask."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def head(self, *, without: Sequence[str] = ()) -> tuple[datetime, datetime | None]:
        """The database's time, and when the first row is or was due (None: no row).

        Parameters: rows of the kinds `without` do not count.
        """
        statement = select(db_now(), func.min(OutboxRow.not_before))
        if without:
            statement = statement.where(OutboxRow.kind.not_in(without))
        row = (await self._session.execute(statement)).one()
        return row[0], row[1]

    async def due(
        self, *, origin: uuid.UUID, leave_s: float, limit: int, without: Sequence[str] = ()
    ) -> Sequence[tuple[uuid.UUID, uuid.UUID | None]]:
        """Ids of due rows that nobody holds, oldest first, with the process that wrote them.

        Parameters: rows of other processes than `origin` count from the age of `leave_s` seconds;
        rows of the kinds `without` are left to others.
        """
        statement = (
            select(OutboxRow.id, OutboxRow.origin)
            .where(
                OutboxRow.not_before <= db_now(),
                _FREE,
                or_(
                    OutboxRow.origin.is_(None),
                    OutboxRow.origin == origin,
                    OutboxRow.created_at < db_now(-leave_s),
                ),
            )
            .order_by(OutboxRow.not_before)
            .limit(limit)
        )
        if without:
            statement = statement.where(OutboxRow.kind.not_in(without))
        return [(row[0], row[1]) for row in await self._session.execute(statement)]
