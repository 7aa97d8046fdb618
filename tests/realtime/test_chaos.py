"""Redis and app processes restart at random while executions move and clients watch: every client
ends with exactly the events and lines that the database holds."""

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from app.core.db import Database
from app.core.redis import Namespace, Namespaces, RedisOptions
from app.events import RedisBus, bind
from app.main import create_app
from app.projects.models import Role
from app.settings import Settings
from tests.fixtures.application import Started
from tests.fixtures.factories import Factory
from tests.fixtures.redis import RedisServer
from tests.polling import until
from tests.realtime.conftest import Client
from tests.realtime.rows import Story, tell

SECONDS = float(os.environ.get("ANSFLOW_TEST_CHAOS_SECONDS", "6"))
EXECUTIONS = int(os.environ.get("ANSFLOW_TEST_CHAOS_EXECUTIONS", "4"))
WRITERS = 5
"""So many write at once: no more than the pool has connections."""
CLIENTS = int(os.environ.get("ANSFLOW_TEST_CHAOS_CLIENTS", "16"))


class Watcher:
    """A client that comes back and resumes, as a browser does."""

    def __init__(self, ports: list[int], topic: str, token: str) -> None:
        self.seen: list[tuple[str, int]] = []
        self._ports, self._topic, self._token = ports, topic, token
        self._since: str | None = None

    async def has_seen(self, count: int) -> None:
        """Return once so much has come."""
        await until(lambda: len(self.seen) >= count, within_s=60)

    async def run(self) -> None:
        while True:
            try:
                await self._watch()
            except (WebSocketException, OSError, TimeoutError):
                await asyncio.sleep(0.1)

    async def _watch(self) -> None:
        async with connect(
            f"ws://127.0.0.1:{random.choice(self._ports)}/ws",  # noqa: S311  no secret
            additional_headers={"Authorization": f"Bearer {self._token}"},
            proxy=None,
            close_timeout=1,
            open_timeout=5,
        ) as connection:
            client = Client(connection)
            await self._subscribe(client)
            while True:
                self._take(await client.next(within_s=3600))

    async def _subscribe(self, client: Client) -> None:
        more = {} if self._since is None else {"since": self._since}
        await client.subscribe(self._topic, **more)

    def _take(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["type"] == "execution.snapshot":
            self.seen = [("", seq) for seq in range(1, frame["seq"] + 1)]
            self._since = str(frame["seq"])
        elif frame["type"] == "job.changed":
            self.seen.append(("", frame["seq"]))
            self._since = str(frame["seq"])
        elif frame["type"] == "log.lines":
            first, texts = data["first_line"], data["text"].split("\n")[:-1]
            self.seen += [(text, first + at) for at, text in enumerate(texts)]
            self._since = f"{data['step_id']}:{frame['seq']}"


class Process:
    """An app process that can be ended and started again on its port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = create_app(self._settings)
        async with Started(app):
            config = uvicorn.Config(
                app,
                host="127.0.0.1",
                port=self.port,
                log_level="error",
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve())
            try:
                await until(lambda: server.started)
                yield
            finally:
                server.should_exit = True
                await task

    async def restart_for_ever(self, rng: random.Random, until_s: float) -> None:
        while time.monotonic() < until_s:
            async with self.running():
                await asyncio.sleep(rng.uniform(1.0, 2.5))
        # The last one stays.
        async with self.running():
            await asyncio.sleep(3600)


@pytest.mark.chaos
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_under_test", ["mysql"], indirect=True)
async def test_every_client_ends_with_what_the_database_holds(
    settings: Settings, make: Factory, database: Database, redis_server: RedisServer
) -> None:
    await redis_server.start()
    alice = await make.user()
    project = await make.project(members={Role.REPORTER: alice})
    pipeline = await make.pipeline(project)
    token = await make.token(alice)
    prefix = f"ansflow-test-{secrets.token_hex(6)}"
    own = {"url": redis_server.url, "prefix": prefix, "timeout_s": 0.5}
    settings = settings.model_copy(update={"redis": type(settings.redis).model_validate(own)})
    namespaces = Namespaces(RedisOptions(url=redis_server.url, prefix=prefix, timeout_s=0.5))
    bus = RedisBus(namespaces[Namespace.CHANNELS])
    bind(bus, database)
    tales = [await tell(database, pipeline, number=number) for number in range(1, EXECUTIONS + 1)]
    rng, end = random.Random(20), time.monotonic() + SECONDS  # noqa: S311  repeatable
    processes = [Process(settings) for _ in range(2)]
    ports = [process.port for process in processes]
    watchers = [
        Watcher(ports, topic, token)
        for number in range(CLIENTS)
        for tale in [tales[number % EXECUTIONS]]
        for topic in [tale.topic if number // EXECUTIONS % 2 else tale.log_topic]
    ]
    background = [
        asyncio.create_task(work)
        for work in (
            *(process.restart_for_ever(rng, end) for process in processes),
            *(watcher.run() for watcher in watchers),
            restart_redis(redis_server, rng, end),
        )
    ]
    try:
        writers = asyncio.Semaphore(WRITERS)
        await asyncio.gather(*(move(tale, rng, end, writers) for tale in tales))
        for number, watcher in enumerate(watchers):
            tale = tales[number % EXECUTIONS]
            wanted = expected(tale, is_log=not number // EXECUTIONS % 2)
            await watcher.has_seen(len(wanted))
            assert watcher.seen == wanted
    finally:
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        await bus.close()
        await namespaces.close()


def expected(tale: Story, *, is_log: bool) -> list[tuple[str, int]]:
    if is_log:
        return [(f"line {line}", line) for line in range(1, tale.lines + 1)]
    return [("", seq) for seq in range(1, tale.seq + 1)]


async def move(tale: Story, rng: random.Random, until_s: float, writers: asyncio.Semaphore) -> None:
    while time.monotonic() < until_s:
        async with writers:
            await tale.change(times=rng.randint(1, 3))
            await tale.write(*(f"line {tale.lines + n}" for n in range(1, rng.randint(2, 6))))
        # Everything shares one loop: more executions each do less.
        await asyncio.sleep(rng.uniform(0.0, EXECUTIONS * 0.0125))


async def restart_redis(server: RedisServer, rng: random.Random, until_s: float) -> None:
    while time.monotonic() < until_s:
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        server.stop()
        await asyncio.sleep(rng.uniform(0.1, 0.6))
        await server.start()
