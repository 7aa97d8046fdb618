"""Statements of backups: over tables, not over models, so that new tables need no new code."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.administration.backups.file import decoded
from app.administration.backups.tables import included, left_out
from app.auth.models import User
from app.core.db import Database
from app.core.repository import Repository

AT_ONCE = 500
_REFUSED = (IntegrityError, DataError)
"""The rows are wrong, not the database."""


async def all_rows(database: Database) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """Every row of every table of a backup, all as of one moment.

    Raises: what the database raises.
    """
    async with database.engine.connect() as connection:
        await _freeze(database, connection)
        for table in included():
            empty = dict.fromkeys(left_out(table))
            statement = select(table).order_by(*table.primary_key.columns)
            result = await connection.stream(statement)
            async for rows in result.mappings().partitions(AT_ONCE):
                for row in rows:
                    yield table.name, dict(row) | empty


async def _freeze(database: Database, connection: AsyncConnection) -> None:
    if database.is_sqlite:
        await connection.execution_options(ansflow_read=True)
    else:
        await connection.execution_options(isolation_level="REPEATABLE READ")


class RestoreRepository(Repository):
    """Puts rows back."""

    async def user_ids(self) -> Sequence[uuid.UUID]:
        """Everybody there is."""
        return (await self.session.scalars(select(User.id))).all()

    async def filled(self) -> Sequence[str]:
        """The tables of a backup that have rows."""
        return [
            table.name
            for table in included()
            if (await self.session.execute(select(*table.primary_key.columns).limit(1))).first()
        ]

    async def empty(self) -> None:
        """Delete all definitions, with everything that belongs to them."""
        for table in reversed(included()):
            await self.session.execute(delete(table))

    async def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows as a backup has them.

        Raises: ValueError, TypeError, AttributeError, KeyError when they are not of this table.
        """
        values = [
            {name: decoded(table.columns[name], value) for name, value in row.items()}
            for row in rows
        ]
        try:
            await self.session.execute(insert(table), values)
        except StatementError as error:
            if isinstance(error, DBAPIError) and not isinstance(error, _REFUSED):
                raise
            raise ValueError(str(error.orig)[:300]) from error
