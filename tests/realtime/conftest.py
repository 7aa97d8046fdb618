"""A real server with real sockets: uvicorn in this loop, the realtime parts on both databases."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from app.core.db import Database
from app.events import EventBus
from app.main import create_app
from app.realtime.entry import Realtime
from app.settings import Settings
from tests.fixtures.application import Started
from tests.realtime.described import require_described


@dataclass
class Server:
    """A process's worth of realtime parts, listening."""

    address: str
    realtime: Realtime
    bus: EventBus
    database: Database


class Client:
    """A WebSocket client that understands our envelope."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def next(self, *types: str, within_s: float = 15.0) -> dict[str, Any]:
        """The next frame, of one of these types; others are skipped."""
        async with asyncio.timeout(within_s):
            while True:
                frame: dict[str, Any] = json.loads(await self.connection.recv())
                require_described(frame)
                if not types or frame["type"] in types:
                    return frame

    async def send(self, **command: Any) -> None:
        await self.connection.send(json.dumps(command))

    async def subscribe(self, topic: str, **more: Any) -> None:
        await self.send(type="subscribe", topic=topic, **more)


Connect = Callable[..., Awaitable[Client]]
StartServer = Callable[[], Awaitable[Server]]


@pytest.fixture
async def start_server(settings: Settings) -> AsyncIterator[StartServer]:
    """Starts a server; several of them share database and bus as processes do."""
    async with AsyncExitStack() as stack:

        async def start() -> Server:
            app = create_app(settings)
            await stack.enter_async_context(Started(app))
            address = await _listen(app, stack)
            runtime = app.state.runtime
            return Server(address, runtime.realtime, runtime.events, runtime.database)

        yield start


async def _listen(app: FastAPI, stack: AsyncExitStack, **options: Any) -> str:
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listening]))

    async def stop() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(stop)
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.005)
    return f"127.0.0.1:{port}"


@pytest.fixture
async def server(application: FastAPI, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """One server; `@pytest.mark.parametrize("server", [{...}], indirect=True)` sets uvicorn's
    options."""
    async with AsyncExitStack() as stack:
        address = await _listen(application, stack, **getattr(request, "param", {}))
        runtime = application.state.runtime
        yield Server(address, runtime.realtime, runtime.events, runtime.database)


@pytest.fixture
async def open_socket() -> AsyncIterator[Connect]:
    """`await open_socket(server, "/ws", token)`."""
    async with AsyncExitStack() as stack:

        async def opened(server: Server, path: str, token: str | None, **options: Any) -> Client:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            connection = await stack.enter_async_context(
                connect(
                    f"ws://{server.address}{path}",
                    additional_headers=headers | options.pop("headers", {}),
                    proxy=None,
                    compression=None,
                    close_timeout=1,
                    **options,
                )
            )
            return Client(connection)

        yield opened
