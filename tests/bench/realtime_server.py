"""The servers that the realtime benchmarks measure: `… realtime_server KIND PORT FOLDER NUMBERS`.

`app` is a whole embedded AnsFlow, `uncached` one whose cache is not used, `counted` one that counts
what its answers cost; `bare-get` and `bare-socket` only do what is compared.
"""

import asyncio
import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvicorn
import uvloop
from fastapi import FastAPI
from sqlalchemy import Engine, event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.cache import Tags
from app.core.clock import new_id
from app.core.db import Database
from app.core.redis import NamespaceClient
from app.engine.states import JobStatus
from app.events import JobChanged
from app.main import create_app
from app.models import Base
from app.realtime.topics import parse_topic
from app.settings import Settings
from tests.fixtures.factories import Factory
from tests.realtime.rows import Story, tell

BODY = Path("body")
PIPELINES = 50


async def serve(app: Any, port: int, *, lifespan: str = "off") -> None:
    config = uvicorn.Config(
        app,
        port=port,
        log_level="warning",
        access_log=False,
        http="httptools",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan=lifespan,  # type: ignore[arg-type]  # one of uvicorn's literals
    )
    await uvicorn.Server(config).serve()


async def bare_get(port: int, folder: Path) -> None:
    """One Starlette route that returns the same bytes."""
    body = (folder / BODY).read_bytes()

    async def answer(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    await serve(Starlette(routes=[Route("/api/v1/pipelines/status", answer)]), port)


async def bare_socket(port: int, watchers: int, rounds: int) -> None:
    """A server that only sends the same text to every socket."""
    sends: set[Any] = set()
    text = json.dumps({"type": "job.changed", "text": "x" * 260})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        sends.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sends.discard(send)

    async def fan_out() -> None:
        while len(sends) < watchers:  # noqa: ASYNC110  polled
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        for _ in range(rounds):
            for send in tuple(sends):
                await send({"type": "websocket.send", "text": text})
            await asyncio.sleep(0)

    fanning = asyncio.create_task(fan_out())
    await serve(app, port)
    await fanning


async def whole(port: int, folder: Path, watchers: int, rounds: int, pause_s: float) -> None:
    """An embedded AnsFlow with 50 pipelines and an execution to watch."""
    settings = Settings(_env_file=None, data={"folder": folder})
    tale = await _fill(settings, folder)
    app = create_app(settings)

    async def fan_out() -> None:
        name = parse_topic(tale.topic)
        while not hasattr(app.state, "runtime"):  # noqa: ASYNC110  polled
            await asyncio.sleep(0.05)
        runtime = app.state.runtime
        while runtime.realtime.hub.watchers(name) < watchers:  # noqa: ASYNC110  polled
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        for seq in range(1, rounds + 1):
            runtime.events.publish([_event(tale, seq)])
            await asyncio.sleep(pause_s)

    fanning = asyncio.create_task(fan_out()) if watchers else None
    await serve(app, port, lifespan="on")
    if fanning is not None:
        await fanning


async def uncached(port: int, folder: Path) -> None:
    """An embedded AnsFlow that computes every answer."""
    settings = Settings(_env_file=None, data={"folder": folder})
    await _fill(settings, folder)
    app = create_app(settings)
    with patch.object(Tags, "is_dirty", lambda _self, _tags: True):
        await serve(app, port, lifespan="on")


async def counted(port: int, folder: Path) -> None:
    """An embedded AnsFlow that writes, when it ends, what its warm hits cost."""
    settings = Settings(_env_file=None, data={"folder": folder})
    await _fill(settings, folder)
    costs = Costs(create_app(settings), folder / "counts")
    with costs.counting():
        await serve(costs, port, lifespan="on")


class Costs:
    """Counts warm hits and the statements and round trips that were made while answering them."""

    def __init__(self, app: FastAPI, file: Path) -> None:
        self.warm = self.sql = self.redis = self.otherwise = 0
        self._app, self._file = app, file
        self._of_request: ContextVar[Counter[str] | None] = ContextVar("costs", default=None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            # The end of the application: a signal ends the process right after it.
            names = ("warm", "sql", "redis", "otherwise")
            self._file.write_text(json.dumps({name: getattr(self, name) for name in names}))
            return
        hits, costs = self._app.state.runtime.hits, Counter[str]()
        served = hits.served
        token = self._of_request.set(costs)
        await self._app(scope, receive, send)
        self._of_request.reset(token)
        # One request at a time: what was served meanwhile is this one.
        if hits.served > served:
            self.warm += 1
            self.sql += costs["sql"]
            self.redis += costs["redis"]
        else:
            self.otherwise += costs.total()

    def _add(self, what: str) -> None:
        if (costs := self._of_request.get()) is not None:
            costs[what] += 1

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count, also where the database and Redis are used."""
        run = NamespaceClient.run

        async def counted_run(client: NamespaceClient, work: Any) -> Any:
            self._add("redis")
            return await run(client, work)

        def statement(*_: Any) -> None:
            self._add("sql")

        event.listen(Engine, "before_cursor_execute", statement)
        with patch.object(NamespaceClient, "run", counted_run):
            yield


def _event(tale: Story, seq: int) -> JobChanged:
    return JobChanged(
        seq=seq,
        execution_id=tale.execution.id,
        job_id=tale.job.id,
        key="build",
        name="build",
        attempt=1,
        status=JobStatus.RUNNING,
    )


async def _fill(settings: Settings, folder: Path) -> Story:
    database = Database(settings.database_url)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    make = Factory(database)
    project = await make.project()
    pipelines = [await make.pipeline(project) for _ in range(PIPELINES)]
    tale = await tell(database, pipelines[0])
    token = await make.token(await make.user(f"root-{new_id().hex[-6:]}", administrator=True))
    (folder / "token").write_text(token)
    (folder / "execution").write_text(str(tale.execution.id))
    await database.close()
    return tale


def allow_sockets() -> None:
    """As many open files as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(kind: str, port: int, folder: Path, *numbers: str) -> None:
    """Serve until terminated, on the first core only."""
    os.sched_setaffinity(0, {0})
    allow_sockets()
    if kind == "uncached":
        uvloop.run(uncached(port, folder))
    elif kind == "counted":
        uvloop.run(counted(port, folder))
    elif kind == "bare-get":
        uvloop.run(bare_get(port, folder))
    elif kind == "bare-socket":
        uvloop.run(bare_socket(port, int(numbers[0]), int(numbers[1])))
    else:
        uvloop.run(whole(port, folder, int(numbers[0]), int(numbers[1]), float(numbers[2])))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
