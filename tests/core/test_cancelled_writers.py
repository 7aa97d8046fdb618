"""A cancelled writer of the embedded mode must not keep the database's only write lock."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from app.core.db import AsyncSession, Database


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'locks.db'}"


async def test_the_next_writer_need_not_wait_whenever_the_cancellation_came(url: str) -> None:
    database = Database(url)
    async with database.session() as session:
        await session.execute(text("CREATE TABLE numbers (number INTEGER)"))
        await session.execute(text("INSERT INTO numbers VALUES (1), (2), (3)"))

    async def write(session: AsyncSession) -> None:
        for _ in range(20):
            await session.execute(text("UPDATE numbers SET number = number + 1"))
            await session.execute(text("SELECT number FROM numbers"))

    ended: list[BaseException | None] = []
    for moment in range(40):
        writer = asyncio.create_task(database.transact(write))
        # By steps of the loop and not by time: each round stops at another await.
        for _ in range(moment * 4):
            await asyncio.sleep(0)
        writer.cancel()
        await asyncio.wait({writer})
        # A log or a debugger may keep the traceback, and all cursors with it.
        ended.append(None if writer.cancelled() else writer.exception())
        async with asyncio.timeout(10), database.session() as session:
            await session.execute(text("UPDATE numbers SET number = 0"))
    await database.close()
