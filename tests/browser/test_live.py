"""The live page in a real browser: status, log, and a server that restarts."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn

from app.auth.passwords import hash_password
from app.core.db import Database
from app.main import create_app
from app.projects.models import Role
from app.settings import Settings
from tests.browser.chromium import open_browser
from tests.fixtures.application import Started
from tests.fixtures.factories import Factory
from tests.polling import until
from tests.realtime.rows import tell

PASSWORD = "correct horse battery"  # noqa: S105  of this test only
LINES = "document.getElementById('log').textContent"


@asynccontextmanager
async def serving(settings: Settings, port: int) -> AsyncIterator[Database]:
    """A whole server on this port; gives its database, whose commits publish events."""
    app = create_app(settings)
    async with Started(app):
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        try:
            await until(lambda: server.started)
            yield app.state.runtime.database
        finally:
            server.should_exit = True
            await task


async def test_status_and_log_are_shown_and_survive_a_restart(
    settings: Settings, make: Factory, tmp_path: Path
) -> None:
    alice = await make.user(password_hash=await hash_password(PASSWORD))
    project = await make.project(members={Role.REPORTER: alice})
    pipeline = await make.pipeline(project)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with open_browser(tmp_path / "profile") as browser:
        async with serving(settings, port) as database:
            tale = await tell(database, pipeline)
            await tale.write("one", "two")
            cookie = await log_in(port, alice.name)
            await browser.call(
                "Network.setCookie",
                name="ansflow_session",
                value=cookie,
                url=f"http://127.0.0.1:{port}",
            )
            await browser.call(
                "Page.navigate", url=f"http://127.0.0.1:{port}/live#pipeline={pipeline.id}"
            )
            await browser.until("document.getElementById('connection')?.dataset.state", "open")
            await browser.until("document.getElementById('status').textContent", "running")
            await browser.until(LINES, "one\ntwo\n")
            await tale.write("three")
            await browser.until(LINES, "one\ntwo\nthree\n")
        await browser.until("document.getElementById('connection').dataset.state", "closed")
        async with serving(settings, port) as database:
            tale.database = database
            await tale.write("four")
            await browser.until("document.getElementById('connection').dataset.state", "open")
            await browser.until(LINES, "one\ntwo\nthree\nfour\n")
            await tale.write("five")
            await browser.until(LINES, "one\ntwo\nthree\nfour\nfive\n")


async def log_in(port: int, name: str) -> str:
    """The value of a session cookie."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.post("/api/v1/auth/login", json={"name": name, "password": PASSWORD})
        assert answer.is_success, answer.text
        cookie: str = answer.cookies["ansflow_session"]
        return cookie
