"""Touched tags survive the process that touched them."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.core.errors import Unavailable
from app.core.redis import stop_task
from app.jobs.models import OutboxRow
from app.jobs.publisher import LocalPublisher
from app.jobs.relay import Relay
from app.jobs.tags import BUMP, attach, touch
from tests.polling import until


class Queue:
    """Where messages would end."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.publisher = LocalPublisher(lambda queue, _encoded: self.delivered.append(queue))


class Bumped:
    """The effect: fails as often as told, then remembers."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.tags = failures, list[str]()

    async def __call__(self, body: Mapping[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("Redis is away")
        self.tags += body["tags"]


async def rows(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(OutboxRow)) or 0


async def empty(database: Database) -> None:
    async with asyncio.timeout(20):
        while await rows(database):  # noqa: ASYNC110  the table has no event
            await asyncio.sleep(0.02)


async def test_a_relay_without_a_cache_leaves_the_rows(database: Database) -> None:
    worker, published = Queue(), Bumped()
    left = asyncio.create_task(Relay(database, worker.publisher, poll_s=0.02).run())
    await asyncio.sleep(0)
    async with database.session() as session:
        await touch(session, "pipelines", "executions", "pipelines")
    await asyncio.sleep(0.2)  # several polls
    assert await rows(database) == 1
    await stop_task(left)
    server = asyncio.create_task(
        Relay(database, Queue().publisher, effects={BUMP: published}, poll_s=0.02).run()
    )
    await empty(database)
    await stop_task(server)
    assert published.tags == ["executions", "pipelines"]
    assert worker.delivered == []


async def test_a_bump_that_fails_is_tried_again(database: Database) -> None:
    bumped = Bumped(failures=2)
    async with database.session() as session:
        await touch(session, "pipelines")
    relay = asyncio.create_task(
        Relay(database, Queue().publisher, effects={BUMP: bumped}, poll_s=0.02).run()
    )
    await until(lambda: bumped.tags == ["pipelines"], within_s=60)
    await empty(database)
    await stop_task(relay)


async def test_the_process_hears_after_the_commit_only(database: Database) -> None:
    heard: list[tuple[list[str], UUID | None]] = []

    class Here:
        def written(self, tags: list[str], row_id: UUID | None = None) -> None:
            heard.append((tags, row_id))

    here = Here()
    attach(database, here)

    async def rolls_back() -> None:
        async with database.session() as session:
            await touch(session, "lost")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await rolls_back()
    assert heard == []
    async with database.session() as session:
        await touch(session, "kept")
        assert heard == []
    assert [tags for tags, _ in heard] == [["kept"]]
