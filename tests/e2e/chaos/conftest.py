"""One system for all tests of this folder: two servers, two schedulers, workers as needed."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.e2e.chaos.stage import PATIENCE_S, VARIABLES, Servers, Stage
from tests.e2e.system import System, environment, settings_of
from tests.services.instance import NotInstalled, free_port
from tests.services.private import MariaDB, RabbitMQ, Redis
from workers.execution import work_folder


async def _start(stack: contextlib.ExitStack) -> Servers:
    servers = MariaDB(), Redis(), RabbitMQ()
    for server in servers:
        stack.callback(server.close)
    await asyncio.gather(*(asyncio.to_thread(server.start) for server in servers))
    database, redis, broker = servers
    return Servers(database, redis, broker)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[Servers]:
    """Servers that nobody else uses."""
    with contextlib.ExitStack() as stack:
        try:
            started = await _start(stack)
        except NotInstalled as missing:
            pytest.skip(str(missing))
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_stage(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """The running system."""
    folder, name = tmp_path_factory.mktemp("chaos"), f"chaos{secrets.token_hex(4)}"
    url = f"{servers.database.url}/{name}"
    await _create(servers.database, name)
    variables = environment(
        folder,
        free_port(),
        ANSFLOW_DATABASE__URL=url,
        ANSFLOW_REDIS__URL=servers.redis.url,
        ANSFLOW_RABBITMQ__URL=servers.broker.url,
        **VARIABLES,
    )
    settings = settings_of(variables)
    system = System("distributed", folder, variables, settings, settings.server.port)
    await system.prepare()
    started = Stage(system, servers, _second_server(system))
    for number in (1, 2):
        system.spawn(f"scheduler-{number}", "scheduler")
    system.spawn("server", "serve")
    started.other_server.spawn("server", "serve")
    await asyncio.gather(system.serving(PATIENCE_S), started.other_server.serving(PATIENCE_S))
    yield started
    await asyncio.to_thread(started.other_server.stop)
    await asyncio.to_thread(system.stop)
    shutil.rmtree(started.rooms)
    shutil.rmtree(work_folder(settings.data.folder, isolates=True).parent)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(running_stage: Stage) -> AsyncIterator[Stage]:
    """The running system, without workers before and after each test."""
    yield running_stage
    await running_stage.no_workers()


def _second_server(first: System) -> System:
    port = free_port()
    folder = first.folder / "second"
    folder.mkdir()
    variables = {**first.environment, "ANSFLOW_SERVER__PORT": str(port)}
    return replace(first, folder=folder, environment=variables, port=port, processes={})


async def _create(server: MariaDB, name: str) -> None:
    command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{server.port}", "-uroot"]
    client = await asyncio.create_subprocess_exec(*command, "-e", f"CREATE DATABASE {name}")
    assert await client.wait() == 0
