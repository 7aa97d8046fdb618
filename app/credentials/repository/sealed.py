"""Statements over all tables with encrypted values, whatever module they belong to."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update

from app.core.crypto import Sealed
from app.core.orm import Base, table_of
from app.core.repository import Repository
from app.core.sealing import SealedColumns


def sealed_models() -> list[type[SealedColumns]]:
    """The models with encrypted values, by table; `app.models` must have been imported."""
    return sorted(_below(SealedColumns), key=lambda model: model.__tablename__)


def _below(model: type[SealedColumns]) -> Iterator[type[SealedColumns]]:
    for below in model.__subclasses__():
        if issubclass(below, Base):
            yield below
        yield from _below(below)


class SealedRepository(Repository):
    """Rows with encrypted values."""

    async def usage(self, model: type[SealedColumns]) -> Mapping[str, int]:
        """How many values each master key encrypts in a table."""
        statement = select(model.key_id, func.count()).group_by(model.key_id)
        return {row[0]: row[1] for row in await self.session.execute(statement)}

    async def not_under(
        self,
        model: type[SealedColumns],
        key_id: str,
        *,
        after: uuid.UUID | None,
        limit: int,
    ) -> Sequence[SealedColumns]:
        """Rows that another master key encrypts, by id."""
        statement = select(model).where(model.key_id != key_id).order_by(model.id).limit(limit)
        if after is not None:
            statement = statement.where(model.id > after)
        return (await self.session.scalars(statement)).all()

    async def rewrap(self, row: SealedColumns, new: Sealed) -> bool:
        """Replace the wrapped key of a row; False when it was changed meanwhile."""
        assert isinstance(row, Base)
        table = table_of(type(row))
        statement = update(table).where(
            table.c.id == row.id,
            table.c.key_id == row.key_id,
            table.c.wrapped_key == row.wrapped_key,
        )
        values = {"key_id": new.key_id, "wrapped_key": new.wrapped_key}
        result = await self.session.execute(statement.values(values))
        return cast(CursorResult[Any], result).rowcount == 1
