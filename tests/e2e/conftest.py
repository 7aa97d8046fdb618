"""One system per mode and test process, started when the first test asks for it."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from tests.e2e.system import System, environment, free_port, settings_of
from tests.fixtures.databases import created
from tests.services.urls import rabbitmq_url, redis_url

MODES = ("embedded", "distributed")


async def start_embedded(folder: Path, **more: str) -> System:
    """`ansflow up` on a folder of its own."""
    port = free_port()
    variables = environment(folder, port, **more)
    system = System("embedded", folder, variables, settings_of(variables), port)
    await system.prepare()
    system.spawn("server", "up", "--no-examples")
    await system.serving()
    return system


async def start_distributed(folder: Path, database_url: str, **more: str) -> System:
    """`ansflow serve`, `worker` and `scheduler` on this database."""
    port, prefix = free_port(), f"ansflow-e2e-{secrets.token_hex(6)}"
    variables = environment(
        folder,
        port,
        ANSFLOW_DATABASE__URL=database_url,
        ANSFLOW_REDIS__URL=redis_url(),
        ANSFLOW_REDIS__PREFIX=prefix,
        ANSFLOW_RABBITMQ__URL=rabbitmq_url(),
        ANSFLOW_RABBITMQ__PREFIX=f"{prefix}.",
        ANSFLOW_SECURITY__SECRET_KEY=secrets.token_hex(32),
        **more,
    )
    system = System("distributed", folder, variables, settings_of(variables), port)
    await system.prepare()
    system.spawn("server", "serve")
    system.spawn("worker", "worker", "--concurrency", "4")
    system.spawn("scheduler", "scheduler")
    await system.serving()
    return system


@asynccontextmanager
async def running(
    mode: str, request: pytest.FixtureRequest, folder: Path, **more: str
) -> AsyncIterator[System]:
    """A running AnsFlow in this mode, with `more` in the environment of its processes."""
    with contextlib.ExitStack() as stack:
        if mode == "embedded":
            started = await start_embedded(folder, **more)
        else:
            server: URL = request.getfixturevalue("mysql_server")
            url = stack.enter_context(created(server))
            started = await start_distributed(folder, url, **more)
        yield started
        await asyncio.to_thread(started.stop)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=MODES)
async def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A running AnsFlow in each mode in turn."""
    folder = tmp_path_factory.mktemp(request.param)
    async with running(request.param, request, folder) as started:
        yield started
