"""Alembic's environment: over the connection that `app.core.migrate` hands in, else our own."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection

from app.core.db import Database
from app.core.schema_comparison import is_other_type
from app.models import Base
from app.settings import Settings


def options(connection: Connection) -> dict[str, Any]:
    """How models and database are compared and changed."""
    return {
        "connection": connection,
        "target_metadata": Base.metadata,
        "compare_type": is_other_type,
        # SQLite cannot alter columns; there Alembic copies the table.
        "render_as_batch": connection.dialect.name == "sqlite",
    }


def run(connection: Connection) -> None:
    """Run the migrations that were asked for."""
    context.configure(**options(connection))
    with context.begin_transaction():
        context.run_migrations()


async def run_alone() -> None:
    """For `alembic` on the command line: the database that the settings name."""
    database = Database(Settings().database_url, pool_size=1)
    async with database.engine.begin() as connection:
        await connection.run_sync(run)
    await database.close()


if context.is_offline_mode():
    raise SystemExit("Offline migrations are not supported: run `ansflow migrate`.")
if given := context.config.attributes.get("connection"):
    run(given)
else:
    asyncio.run(run_alone())
