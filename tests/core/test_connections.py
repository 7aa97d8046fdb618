"""Connections to MariaDB: which are taken from the pool, and what it costs to give them back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.core.db import AsyncSession, Database
from app.core.errors import Unavailable

IDLE_S = 1.0


@pytest.fixture
async def one(mysql_url: str) -> AsyncIterator[Database]:
    """A database with one connection."""
    opened = Database(mysql_url, pool_size=1, idle_s=2 * IDLE_S)
    yield opened
    await opened.close()


async def number(database: Database) -> int:
    """Which connection the pool gives."""
    async with database.read() as session:
        return int(await session.scalar(text("SELECT CONNECTION_ID()")) or 0)


async def test_one_in_use_is_kept_however_old(one: Database) -> None:
    first = await number(one)
    for _ in range(8):
        await asyncio.sleep(IDLE_S / 4)
        assert await number(one) == first


async def test_one_that_the_server_may_have_ended_is_made_anew(one: Database) -> None:
    first = await number(one)
    await asyncio.sleep(IDLE_S * 1.2)
    second = await number(one)
    assert second != first
    assert await number(one) == second


async def test_reading_costs_one_rollback_and_writing_none(one: Database) -> None:
    async def rollbacks() -> int:
        async with one.session() as session:
            status = await session.execute(text("SHOW SESSION STATUS LIKE 'Com_rollback'"))
            return int(status.one()[1])

    before = await rollbacks()
    assert await rollbacks() == before
    await number(one)
    assert await rollbacks() == before + 1


async def test_what_was_begun_and_left_is_rolled_back(one: Database) -> None:
    async with one.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        await connection.commit()
        await connection.execute(text("CREATE TEMPORARY TABLE left_over (id INT) ENGINE=InnoDB"))
        await connection.execute(text("INSERT INTO left_over VALUES (1)"))
    async with one.read() as session:
        assert await session.scalar(text("SELECT COUNT(*) FROM left_over")) == 0


async def test_one_that_dies_in_a_transaction_is_told_and_replaced(
    one: Database, mysql_url: str
) -> None:
    first, other = await number(one), Database(mysql_url, pool_size=1)

    async def killed_in_between(session: AsyncSession) -> None:
        await session.execute(text("SELECT 1"))
        async with other.session() as killing:
            await killing.execute(text(f"KILL {first}"))
        await session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        await one.transact(killed_in_between)
    assert await number(one) != first
    await other.close()
