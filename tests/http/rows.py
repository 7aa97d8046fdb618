"""Rows of any table in a few words: what is not said is made up, what they belong to as well."""

import itertools
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import BINARY, Boolean, Column, Double, Integer, insert
from sqlalchemy.types import TypeEngine

from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.core.orm import Base, Enumerated, Id, Json, MediumBlob, UtcDateTime, table_of

_LISTS = {
    "allowed_branches",
    "annotations",
    "approver_ids",
    "branches",
    "events",
    "labels",
    "needs",
    "path",
    "queues",
    "scopes",
}
"""Columns of JSON that hold arrays."""
_VALUES: dict[type[TypeEngine[Any]], Callable[[Any, int], Any]] = {
    Id: lambda _type, _number: new_id(),
    Enumerated: lambda type_, _number: next(iter(type_.enum)),
    Boolean: lambda _type, _number: True,
    Integer: lambda _type, number: number,
    Double: lambda _type, number: float(number),
    MediumBlob: lambda _type, _number: b"sealed",
    BINARY: lambda type_, _number: (new_id().bytes * 2)[: type_.length],
}
"""What a column of this type has in the row with this number."""
_numbers = itertools.count(1)
_MODELS = {table_of(mapper.class_).name: mapper.class_ for mapper in Base.registry.mappers}


class Rows:
    """Writes rows in one transaction.

    Every row that belongs to others (an execution to a pipeline, a version to its author) gets
    others of its own, so that reading them one by one shows in the number of statements.
    """

    def __init__(self, session: AsyncSession, shared: dict[str, Any]) -> None:
        """`shared`: values by names of columns, for all rows that do not say otherwise."""
        self._session, self._shared = session, shared
        self._now = utcnow()

    async def add(self, model: type[Base], **given: Any) -> dict[str, Any]:
        """Write a row; its values."""
        number, values = next(_numbers), dict(given)
        for column in table_of(model).columns:
            if column.name not in values:
                if column.foreign_keys:
                    values[column.name] = await self._owner(column, values)
                elif not column.nullable and column.default is None:
                    values[column.name] = self._value(column, number)
        await self._session.execute(insert(table_of(model)).values(values))
        return values

    async def _owner(self, column: Column[Any], values: dict[str, Any]) -> uuid.UUID:
        """The id of what the row belongs to; it has in common with it whatever both name."""
        if column.name in self._shared:
            found: uuid.UUID = self._shared[column.name]
            return found
        (key,) = column.foreign_keys
        table = key.column.table
        common = {name: values[name] for name in table.columns.keys() & values.keys()}
        fitting = {
            name: value for name, value in common.items() if table.columns[name].foreign_keys
        }
        owner: uuid.UUID = (await self.add(_MODELS[table.name], **fitting))[key.column.name]
        return owner

    def _value(self, column: Column[Any], number: int) -> Any:
        if column.name in self._shared:
            return self._shared[column.name]
        if isinstance(column.type, UtcDateTime):
            # Rows have times in common, and those of later ones may be earlier.
            ahead_s = 3600 if column.name.startswith("expires") else 0
            return self._now + timedelta(seconds=ahead_s - number % 4)
        if isinstance(column.type, Json):
            return [] if column.name in _LISTS else {}
        for kind, value in _VALUES.items():
            if isinstance(column.type, kind):
                return value(column.type, number)
        # Names sort otherwise than ids do.
        return f"{'za'[number % 2]}-{number}"
