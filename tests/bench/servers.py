"""The servers that benchmarks use: those of the tests, under names of their own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.engine import make_url

from app.core.db import Database
from app.core.migrate import upgrade
from tests.fixtures.databases import created


def mysql_server() -> str:
    """The database server."""
    return os.environ.get("ANSFLOW_TEST_MYSQL_URL", "mysql+asyncmy://root@127.0.0.1:3306")


@asynccontextmanager
async def fresh_database() -> AsyncIterator[Database]:
    """A database with all tables, dropped afterwards."""
    with created(make_url(mysql_server())) as url:
        await upgrade(url)
        database = Database(url)
        try:
            yield database
        finally:
            await database.close()
