"""What endpoints declare to get a transaction: one request, one transaction."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.core.db import AsyncSession, Database
from app.core.db import ReadSession as ReadOnly


def database_of(connection: HTTPConnection) -> Database:
    """The database of the application that answers this request or socket."""
    database: Database = connection.app.state.runtime.database
    return database


async def unit_of_work(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A transaction that commits before the response is sent."""
    async with database_of(connection).session() as session:
        yield session


async def reading(connection: HTTPConnection) -> AsyncIterator[ReadOnly]:
    """A transaction that only reads."""
    async with database_of(connection).read() as session:
        yield session


# With a plain Depends a failing commit would come after the answer: FastAPI ends such
# dependencies once the response is sent.
Session = Annotated[AsyncSession, Depends(unit_of_work, scope="function")]
ReadSession = Annotated[ReadOnly, Depends(reading, scope="function")]
DatabaseOf = Annotated[Database, Depends(database_of)]
