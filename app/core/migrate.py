"""Migrations of the database: Alembic, run over one connection of our own engine settings.

They go forward only: what is to be taken back is taken back by a new revision.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.db import Database

_PACKAGE = Path(__file__).parent.parent
LOCK_WAIT_S = 600
"""How long a migration waits for another process that migrates the same database."""


class MigrationIsRunning(Exception):
    """Another process has been migrating this database for longer than we wait."""


def config() -> Config:
    """Alembic's configuration: where the revisions are, in a wheel or in a working copy."""
    packaged = _PACKAGE / "_migrations"
    folder = packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"
    made = Config()
    made.set_main_option("script_location", str(folder).replace("%", "%%"))
    return made


@lru_cache(maxsize=1)
def head() -> str | None:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


async def current(database: Database) -> str | None:
    """The revision that a database is at; None when it has none.

    Raises: Unavailable when the database cannot be reached.
    """
    async with database.read() as session:
        connection = await session.connection()
        return await connection.run_sync(_current)


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision; safe when several processes do it at once.

    Parameters: `url` is a SQLAlchemy URL with an async driver.
    Raises: MigrationIsRunning after `LOCK_WAIT_S` seconds.
    """

    def run(connection: Connection) -> None:
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)

    database = Database(url, pool_size=1)
    try:
        if database.is_sqlite:
            # DDL is transactional here: all revisions or none, and others wait at BEGIN IMMEDIATE.
            async with database.engine.begin() as connection:
                await connection.run_sync(run)
        else:
            async with database.engine.connect() as connection:
                await _run_alone(connection, run)
    finally:
        await database.close()


async def _run_alone(connection: AsyncConnection, run: Callable[[Connection], None]) -> None:
    await connection.execution_options(isolation_level="AUTOCOMMIT")
    name = {"name": f"ansflow.migrate.{connection.engine.url.database}"[:64]}
    taken = await connection.scalar(
        text("SELECT GET_LOCK(:name, :wait)"), {**name, "wait": LOCK_WAIT_S}
    )
    if taken != 1:
        raise MigrationIsRunning("another process is migrating this database; try again later")
    try:
        # A migration that waits for a table blocks everybody behind it: better to fail soon.
        await connection.execute(text("SET lock_wait_timeout = 30"))
        await connection.run_sync(run)
    finally:
        await connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
