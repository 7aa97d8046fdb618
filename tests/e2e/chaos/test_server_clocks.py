"""Servers whose clocks are minutes apart are one server for those who use them."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from app.auth.cookies import COOKIE
from app.auth.passwords import hash_password
from tests.e2e.chaos.stage import PATIENCE_S, Stage, pipeline
from tests.e2e.chaos.test_clocks import clock
from tests.e2e.system import ENDED, System, free_port
from tests.fixtures.factories import Factory
from tests.polling import until_true

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.chaos,
    pytest.mark.timeout(400),
]

WORK = """
work:
  runs-on: ubuntu-latest
  steps: [{run: echo done}]
"""
TOLD_S = 5
"""After so many seconds no server answers what was true before, whatever got lost."""


@asynccontextmanager
async def server(stage: Stage, offset: str) -> AsyncIterator[System]:
    """One more server of the system, with another clock."""
    port, folder = free_port(), stage.system.folder / f"server{offset}"
    folder.mkdir(exist_ok=True)
    environment = {**stage.system.environment, "ANSFLOW_SERVER__PORT": str(port)}
    system = replace(stage.system, folder=folder, port=port, environment=environment, processes={})
    system.spawn("server", "serve", **clock(offset))
    try:
        await system.serving(PATIENCE_S)
        yield system
    finally:
        await asyncio.to_thread(system.stop)


async def ended(system: System, execution_id: str) -> dict[str, Any]:
    """The frame that says that an execution ended."""
    headers = {"Authorization": f"Bearer {system.token}"}
    address = f"ws://127.0.0.1:{system.port}/ws/executions/{execution_id}"
    async with asyncio.timeout(PATIENCE_S), connect(address, additional_headers=headers) as socket:
        async for text in socket:
            frame: dict[str, Any] = json.loads(text)
            if frame["type"].startswith("execution.") and frame["data"]["status"] in ENDED:
                return frame
    raise AssertionError("the socket was closed before the end")


async def last_of(system: System, pipeline_id: str) -> dict[str, Any]:
    """The cached status of a pipeline's last execution."""
    async with system.client() as client:
        answer = await client.get(f"/pipelines/{pipeline_id}/status")
    assert answer.status_code == 200, answer.text
    last: dict[str, Any] = answer.json()["last_execution"] or {}
    return last


async def shows(system: System, pipeline_id: str, execution_id: str) -> bool:
    last = await last_of(system, pipeline_id)
    return (last.get("id"), last.get("status")) == (execution_id, "success")


async def log_in(system: System, name: str, password: str) -> str:
    """The cookie of a new session."""
    async with httpx.AsyncClient(base_url=system.url) as browser:
        login = {"name": name, "password": password}
        answer = await browser.post("/api/v1/auth/login", json=login)
        assert answer.status_code == 200, answer.text
        return browser.cookies[COOKIE]


async def log_out(system: System, cookie: str) -> None:
    async with httpx.AsyncClient(base_url=system.url, cookies={COOKIE: cookie}) as browser:
        answer = await browser.post(
            "/api/v1/auth/logout", headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.status_code == 204, answer.text


async def who(system: System, cookie: str) -> str | None:
    """The user whose session this is; None when it is over."""
    async with httpx.AsyncClient(base_url=system.url, cookies={COOKIE: cookie}) as browser:
        answer = await browser.get("/api/v1/users/me")
        assert answer.status_code in (200, 401), answer.text
        name: str | None = answer.json().get("name")
        return name


async def is_over(system: System, cookie: str) -> bool:
    return await who(system, cookie) is None


async def test_what_one_changes_the_other_shows(stage: Stage) -> None:
    stage.worker()
    async with AsyncExitStack() as stack:
        fast = await stack.enter_async_context(server(stage, "+300s"))
        slow = await stack.enter_async_context(server(stage, "-300s"))
        for here, there in ((fast, slow), (slow, fast)):
            pipeline_id = await here.pipeline(pipeline(WORK, WHERE=here.url))
            assert [await last_of(one, pipeline_id) for one in (here, there)] == [{}, {}]
            execution_id = await here.trigger(pipeline_id)
            frames = await asyncio.gather(ended(here, execution_id), ended(there, execution_id))
            assert {frame["data"]["status"] for frame in frames} == {"success"}
            assert len({frame["seq"] for frame in frames}) == 1

            for one in (here, there):
                await until_true(partial(shows, one, pipeline_id, execution_id), within_s=TOLD_S)


async def test_a_session_is_the_same_for_both(stage: Stage) -> None:
    database = stage.system.open_database()
    name, password = f"user-{secrets.token_hex(4)}", "correct horse battery"
    await Factory(database).user(name, password_hash=await hash_password(password))
    await database.close()
    async with AsyncExitStack() as stack:
        fast = await stack.enter_async_context(server(stage, "+300s"))
        slow = await stack.enter_async_context(server(stage, "-300s"))
        for here, there in ((fast, slow), (slow, fast)):
            cookie = await log_in(here, name, password)
            assert [await who(one, cookie) for one in (here, there)] == [name, name]
            await log_out(there, cookie)
            for one in (here, there):
                await until_true(partial(is_over, one, cookie), within_s=TOLD_S)
