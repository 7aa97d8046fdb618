"""The migrations make the tables that the models describe, on each kind of database."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.core import migrate
from app.core.db import Database
from app.core.schema_comparison import is_other_type
from app.models import Base
from tests.fixtures.databases import KINDS


@pytest.fixture(params=[pytest.param(kind, id=kind) for kind in KINDS])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "mysql":
        url: str = request.getfixturevalue("empty_mysql")
        return url
    return f"sqlite+aiosqlite:///{tmp_path}/ansflow.db"


@pytest.fixture
async def empty_database(empty_url: str) -> AsyncIterator[Database]:
    opened = Database(empty_url, pool_size=2)
    yield opened
    await opened.close()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": is_other_type})
    return list(compare_metadata(context, Base.metadata))


async def test_migrations_and_models_agree(empty_url: str, empty_database: Database) -> None:
    await migrate.upgrade(empty_url)
    async with empty_database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    assert await migrate.current(empty_database) == migrate.head()


async def test_every_table_uses_the_binary_collation(empty_mysql: str) -> None:
    await migrate.upgrade(empty_mysql)
    database = Database(empty_mysql, pool_size=1)
    async with database.engine.connect() as connection:
        options = await connection.run_sync(
            lambda sync: {
                table: inspect(sync).get_table_options(table) for table in Base.metadata.tables
            }
        )
    await database.close()
    for table, option in options.items():
        found = {name.split("_", 1)[1]: value for name, value in option.items()}
        assert (table, found["engine"], found["collate"]) == (table, "InnoDB", "utf8mb4_bin")


async def test_processes_that_start_together_migrate_once(
    empty_url: str, empty_database: Database
) -> None:
    await asyncio.gather(*(migrate.upgrade(empty_url) for _ in range(3)))
    assert await migrate.current(empty_database) == migrate.head()


async def test_an_empty_database_has_no_revision(empty_database: Database) -> None:
    assert await migrate.current(empty_database) is None


def test_revisions_form_one_line_of_single_statements() -> None:
    directory = ScriptDirectory.from_config(migrate.config())
    assert len(directory.get_heads()) == 1
    for revision in directory.walk_revisions():
        code = Path(revision.path).read_text()
        # MySQL cannot roll DDL back: a revision must not be able to stop half-way.
        # SQLite copies a table to alter a column, in one transaction.
        statements = (
            r"^    op\.|^    with op\.batch_alter_table.*\n        batch\.|^        batch\."
        )
        assert len(re.findall(statements, code, re.MULTILINE)) == 1, revision.path
