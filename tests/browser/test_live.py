"""The live page in a real browser: status, log, and a server that restarts."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import uvicorn
from sqlalchemy import delete, select

from app.approvals.models import ApprovalRequest, ApprovalState
from app.approvals.service.forks import pass_execution
from app.auth.models import LoginSession
from app.auth.passwords import hash_password
from app.core.clock import new_id
from app.core.db import Database
from app.events import RightsChanged, publish_after_commit
from app.jobs.catalog import PassExecution
from app.main import create_app
from app.pipelines.models import Pipeline
from app.projects.models import Role
from app.settings import Settings
from tests.browser.chromium import Browser, open_browser
from tests.executions.driver import Driver
from tests.fixtures.application import Started
from tests.fixtures.factories import Factory
from tests.polling import until
from tests.realtime.rows import tell

PASSWORD = "correct horse battery"  # noqa: S105  of this test only
VISIBLE = "document.getElementById('{}')?.checkVisibility()"
CHOOSE = (
    "pipelines = document.getElementById('pipelines'); pipelines.value = '{}'; "
    "pipelines.dispatchEvent(new Event('change'))"
)
LINES = "document.getElementById('log').textContent"


@dataclass
class Serving:
    """A whole server, with its database, whose commits publish events."""

    url: str
    database: Database


@asynccontextmanager
async def serving(settings: Settings, port: int | None = None) -> AsyncIterator[Serving]:
    """Serve on this port, or on any."""
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
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
            yield Serving(f"http://127.0.0.1:{port}", app.state.runtime.database)
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
        async with serving(settings, port) as server:
            tale = await tell(server.database, pipeline)
            await tale.write("one", "two")
            cookie = await log_in(server.url, alice.name)
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
        async with serving(settings, port) as server:
            tale.database = server.database
            await tale.write("four")
            await browser.until("document.getElementById('connection').dataset.state", "open")
            await browser.until(LINES, "one\ntwo\nthree\nfour\n")
            await tale.write("five")
            await browser.until(LINES, "one\ntwo\nthree\nfour\nfive\n")


@pytest.mark.timeout(180)
async def test_people_log_in_with_the_keyboard_and_are_asked_again_when_the_session_ends(
    settings: Settings, make: Factory, tmp_path: Path
) -> None:
    alice = await make.user(password_hash=await hash_password(PASSWORD))
    project = await make.project(members={Role.REPORTER: alice})
    pipeline = await make.pipeline(project)
    async with open_browser(tmp_path / "profile") as browser, serving(settings) as server:
        tale = await tell(server.database, pipeline)
        await tale.write("one")
        await browser.watch_console()
        await browser.call("Page.navigate", url=f"{server.url}/live")
        await browser.until(VISIBLE.format("login"), True)
        await enter(browser, alice.name, "not this one")
        await browser.until("document.getElementById('login-error').textContent !== ''", True)
        await enter(browser, alice.name, PASSWORD)
        await browser.until("document.getElementById('pipelines').options.length", 2)
        await browser.evaluate(CHOOSE.format(pipeline.id))
        await browser.until(LINES, "one\n")
        # Chosen again, it is watched again.
        await browser.evaluate(CHOOSE.format(""))
        await browser.evaluate(CHOOSE.format(pipeline.id))
        await tale.write("two")
        await browser.until(LINES, "one\ntwo\n")
        other = await tell(server.database, pipeline, number=2)
        await other.write("other")
        await browser.evaluate(f"location.hash = 'execution={other.execution.id}'")
        await browser.until(LINES, "other\n")
        await browser.evaluate(f"location.hash = 'execution={new_id()}'")
        await browser.until("document.getElementById('title').textContent.slice(0, 8)", "there is")
        async with server.database.session() as session:
            await session.execute(delete(LoginSession).where(LoginSession.user_id == alice.id))
            publish_after_commit(session, RightsChanged(user_ids=[alice.id]))
        await browser.until(VISIBLE.format("login"), True)
        await browser.until(VISIBLE.format("pipelines"), False)
        assert browser.problems == []


@pytest.mark.timeout(180)
async def test_approvals_are_shown_and_decided(
    settings: Settings, make: Factory, tmp_path: Path
) -> None:
    alice = await make.user(password_hash=await hash_password(PASSWORD))
    project = await make.project(members={Role.DEVELOPER: alice})
    pipeline = await make.pipeline(project)
    async with open_browser(tmp_path / "profile") as browser, serving(settings) as server:
        ids = [await held(server.database, pipeline) for _ in range(2)]
        await browser.call(
            "Network.setCookie",
            name="ansflow_session",
            value=await log_in(server.url, alice.name),
            url=server.url,
        )
        await browser.watch_console()
        await browser.call("Page.navigate", url=f"{server.url}/live#execution={ids[0]}")
        await browser.until("document.querySelectorAll('#approvals li').length", 1)
        text = await browser.evaluate("document.querySelector('#approvals li').textContent")
        assert "Run aaaaaaaaaaaa, a pull request from a fork by mallory?" in text
        await browser.evaluate("document.querySelector('#approvals input').value = 'it mines'")
        await browser.evaluate("document.querySelectorAll('#approvals button')[1].click()")
        await browser.until("document.getElementById('status').textContent", "cancelled")
        await browser.until("document.querySelectorAll('#approvals li').length", 0)
        reason = await browser.evaluate("document.getElementById('reason').textContent")
        assert reason == f"{alice.name} did not approve the pull request from a fork: it mines"
        await browser.evaluate(f"location.hash = 'execution={ids[1]}'")
        await browser.until("document.querySelectorAll('#approvals li').length", 1)
        await browser.evaluate("document.querySelectorAll('#approvals button')[0].click()")
        await browser.until("document.querySelectorAll('#approvals li').length", 0)
        async with server.database.read() as session:
            found = select(ApprovalRequest.state).where(ApprovalRequest.execution_id == ids[1])
            assert await session.scalar(found) is ApprovalState.APPROVED
        assert browser.problems == []


async def held(database: Database, pipeline: Pipeline) -> UUID:
    """An execution of a fork's pull request that has asked for approval."""
    execution_id = await Driver(database).start(
        pipeline.id, sha="a" * 40, actor="mallory", trusted=False, needs_approval=True
    )
    await pass_execution(database, PassExecution(execution_id, 1), max_worker_lost=2)
    return execution_id


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_a_thousand_jobs_and_a_hundred_thousand_lines(
    settings: Settings, make: Factory, tmp_path: Path
) -> None:
    alice = await make.user(password_hash=await hash_password(PASSWORD))
    project = await make.project(members={Role.REPORTER: alice})
    pipeline = await make.pipeline(project)
    async with open_browser(tmp_path / "profile") as browser, serving(settings) as server:
        tale = await tell(server.database, pipeline)
        await tale.add_jobs(999)
        for start in range(0, 100_000, 2000):
            await tale.write(*(f"line {number}" for number in range(start, start + 2000)))
        await browser.call(
            "Network.setCookie",
            name="ansflow_session",
            value=await log_in(server.url, alice.name),
            url=server.url,
        )
        await browser.watch_console()
        address = f"{server.url}/live#execution={tale.execution.id}"
        await browser.call("Page.navigate", url=address)
        await browser.until("document.querySelectorAll('#jobs li').length", 1000)
        await browser.until(f"{LINES}.trimEnd().split('\\n').at(-1)", "line 99999")
        await browser.until(VISIBLE.format("older"), True)
        assert await browser.evaluate(f"{LINES}.split('\\n').length") <= 7001
        path = await browser.evaluate("document.getElementById('whole').pathname")
        assert path == f"/api/v1/jobs/{tale.job.id}/logs.txt"
        await browser.evaluate("document.querySelectorAll('#jobs button')[7].focus()")
        await tale.change()
        await browser.until("document.querySelectorAll('#jobs li').length", 1000)
        await tale.write("the end")
        await browser.until(f"{LINES}.trimEnd().split('\\n').at(-1)", "the end")
        focused = "[...document.querySelectorAll('#jobs button')].indexOf(document.activeElement)"
        assert await browser.evaluate(focused) == 7
        assert browser.problems == []


async def enter(browser: Browser, name: str, password: str) -> None:
    """Fill in the form as people do."""
    await browser.evaluate("document.querySelector('[name=name]').form.reset()")
    await browser.evaluate("document.querySelector('[name=name]').focus()")
    await browser.type(name)
    await browser.press("Tab")
    await browser.type(password)
    await browser.press("Enter")


async def log_in(url: str, name: str) -> str:
    """The value of a session cookie."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.post("/api/v1/auth/login", json={"name": name, "password": PASSWORD})
        assert answer.is_success, answer.text
        cookie: str = answer.cookies["ansflow_session"]
        return cookie
