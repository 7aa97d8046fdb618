"""Base of all repositories: the only home of `select()`."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from app.core.db import AsyncSession, ReadSession
from app.core.errors import AnsFlowError, Conflict
from app.core.orm import Base
from app.core.pagination import PageParams, Slice

T = TypeVar("T")


class Repository:
    """Statements over one session."""

    def __init__(self, session: AsyncSession | ReadSession) -> None:
        self.session = session

    async def save(self, *rows: Base, conflict: AnsFlowError) -> None:
        """Write new or changed rows in this order.

        Raises: `conflict` when a unique key is taken, Conflict when something that they refer to
        was deleted meanwhile; the transaction is then of no more use.
        """
        try:
            for row in rows:
                self.session.add(row)
                await self.session.flush()
        except IntegrityError as error:
            if is_duplicate(error):
                raise conflict from error
            raise Conflict("something that this belongs to was deleted meanwhile") from error

    async def delete(self, row: Base) -> None:
        """Delete a row, now; the database deletes what belongs to it."""
        await self.session.delete(row)
        await self.session.flush()

    async def page(
        self,
        statement: Select[T],
        key: InstrumentedAttribute[Any],
        params: PageParams,
        *,
        newest_first: bool = True,
    ) -> Slice[T]:
        """One page by a unique key, without counting: one row more says whether there is more."""
        if params.after is not None:
            statement = statement.where(_beyond(key, params, newest_first=newest_first))
        order = key.desc() if newest_first else key.asc()
        rows = list(await self.session.scalars(statement.order_by(order).limit(params.limit + 1)))
        items = rows[: params.limit]
        more = len(rows) > params.limit
        return Slice(items, str(getattr(items[-1], key.key)) if more else None)


def is_duplicate(error: IntegrityError) -> bool:
    """True when a unique key is taken, False when another constraint is broken."""
    text = str(error.orig)
    return "UNIQUE constraint failed" in text or "1062" in text.partition(",")[0]


def _beyond(
    key: InstrumentedAttribute[Any], params: PageParams, *, newest_first: bool
) -> ColumnElement[bool]:
    return key < params.after if newest_first else key > params.after
