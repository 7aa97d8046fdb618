"""The same topics as server-sent events, and the document that describes the sockets."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.core.clock import new_id
from app.engine.states import ExecutionStatus
from app.events import ExecutionChanged, UserNotified
from app.executions.history import record
from app.executions.models import Execution
from app.inbox.service import notify
from app.projects.models import Role
from tests.fixtures.factories import Factory
from tests.polling import until
from tests.realtime.conftest import Connect, Server
from tests.realtime.described import require_described
from tests.realtime.rows import Story, tell

STREAM = "/api/v1/realtime/stream"


@pytest.fixture
async def story(server: Server, make: Factory) -> tuple[Story, str]:
    alice = await make.user()
    project = await make.project(members={Role.REPORTER: alice})
    return await tell(server.database, await make.pipeline(project)), await make.token(alice)


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, str | None, Any]]:
    """(event, id, data) of each event of a stream."""
    kind, event_id = "", None
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            event_id = value
        elif name == "data":
            frame = json.loads(value)
            require_described(frame)
            yield kind, event_id, frame
            kind, event_id = "", None


def get(client: httpx.AsyncClient, topic: str, token: str, **headers: str) -> Any:
    return client.stream(
        "GET",
        STREAM,
        params={"topic": topic},
        headers={"Authorization": f"Bearer {token}"} | headers,
    )


async def test_an_execution_is_streamed_and_resumed(
    server: Server, story: tuple[Story, str]
) -> None:
    tale, token = story
    await tale.change(times=2)
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=f"http://{server.address}") as client,
    ):
        seen = []
        async with get(client, tale.topic, token) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for kind, event_id, _ in events(response):
                seen.append((kind, event_id))
                if kind == "execution.snapshot":
                    await tale.change()
                if kind == "job.changed":
                    break
        assert seen == [("subscribed", None), ("execution.snapshot", "2"), ("job.changed", "3")]
        await tale.change(times=2)
        async with get(client, tale.topic, token, **{"Last-Event-ID": "3"}) as response:
            numbers = []
            async for kind, event_id, _ in events(response):
                if kind == "job.changed":
                    numbers.append(event_id)
                if len(numbers) == 2:
                    break
        assert numbers == ["4", "5"]
    connections = server.realtime.connections
    await until(lambda: connections.statistics()["open"] == 0)


async def test_log_lines_are_resumed_by_step_and_line(
    server: Server, story: tuple[Story, str]
) -> None:
    tale, token = story
    await tale.write("one", "two")
    await tale.write("three")
    last = {"Last-Event-ID": f"{tale.step.id}:1"}
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=f"http://{server.address}") as client,
        get(client, tale.log_topic, token, **last) as response,
    ):
        text, ids = "", []
        async for kind, event_id, data in events(response):
            if kind == "log.lines":
                text += data["data"]["text"]
                ids.append(event_id)
            if text.endswith("three\n"):
                break
    assert text == "two\nthree\n"
    assert ids == [f"{tale.step.id}:2", f"{tale.step.id}:3"]


async def test_streams_are_guarded(server: Server, story: tuple[Story, str], make: Factory) -> None:
    tale, token = story
    stranger = await make.token(await make.user())
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as client:
        assert (await client.get(STREAM, params={"topic": tale.topic})).status_code == 401
        for topic, bearer in (
            (tale.topic, stranger),
            (f"execution:{new_id()}", token),
            ("system", token),
            ("weather", token),
        ):
            headers = {"Authorization": f"Bearer {bearer}"}
            answer = await client.get(STREAM, params={"topic": topic}, headers=headers)
            assert answer.status_code == 404, topic


async def test_state_topics_begin_with_the_present(
    server: Server, story: tuple[Story, str], open_socket: Connect, make: Factory
) -> None:
    tale, token = story
    for path, kind in (
        (f"/ws/pipelines/{tale.execution.pipeline_id}", "pipeline.snapshot"),
        (f"/ws/projects/{tale.execution.project_id}", "project.snapshot"),
        ("/ws/users/me", "user.snapshot"),
    ):
        client = await open_socket(server, path, token)
        await client.next(kind)
    root = await make.token(await make.user(administrator=True))
    client = await open_socket(server, "/ws/system", root)
    assert (await client.next("system.snapshot"))["data"]["executions"] == {"running": 1}


async def test_a_ticket_opens_one_socket(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    _, token = story
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as client:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post("/api/v1/realtime/tickets", headers=headers)
    assert answer.status_code == 201, answer.text
    path = f"/ws?ticket={answer.json()['ticket']}"
    opened = await open_socket(server, path, None)
    await opened.send(type="ping")
    await opened.next("pong")
    with pytest.raises(Exception, match="401"):
        await open_socket(server, path, None)


async def test_the_document_describes_every_frame_and_resolves(client: httpx.AsyncClient) -> None:
    document = (await client.get("/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} >= {"/ws"}

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for value in node for found in references(value)]
        return []

    for section in (document["channels"], *document["components"].values()):
        assert all(re.fullmatch(r"[A-Za-z0-9_-]+", key) for key in section)
    found = references(document)
    assert found
    for reference in found:
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


async def test_the_end_of_an_execution_reaches_whoever_started_it(
    server: Server, make: Factory, open_socket: Connect
) -> None:
    alice = await make.user()
    project = await make.project(members={Role.DEVELOPER: alice})
    tale = await tell(server.database, await make.pipeline(project))
    client = await open_socket(server, "/ws/users/me", await make.token(alice))
    await client.next("user.snapshot")
    async with server.database.session() as session:
        row = await session.get_one(Execution, tale.execution.id)
        row.triggered_by, row.status, row.seq = alice.id, ExecutionStatus.FAILURE, 1
        event = ExecutionChanged(
            seq=1,
            execution_id=row.id,
            pipeline_id=row.pipeline_id,
            project_id=row.project_id,
            number=row.number,
            status=row.status,
        )
        await record(session, row, [event], causes=["test"])
    notice = await client.next("user.notified")
    assert notice["data"]["kind"] == "execution.finished"
    assert notice["data"]["execution_id"] == str(tale.execution.id)
    assert notice["data"]["title"].endswith("failure")
    assert notice["seq"] == 1


async def test_a_user_who_was_away_is_told_what_came_meanwhile(
    server: Server, make: Factory, open_socket: Connect
) -> None:
    alice = await make.user()
    token = await make.token(alice)

    async def tell_alice(*titles: str) -> None:
        for title in titles:
            async with server.database.session() as session:
                await notify(session, UserNotified(user_id=alice.id, kind="test", title=title))

    await tell_alice("zero")
    client = await open_socket(server, "/ws/users/me", token)
    snapshot = await client.next("user.snapshot")
    assert (snapshot["seq"], snapshot["data"]["unread"]) == (1, 1)
    assert [item["title"] for item in snapshot["data"]["items"]] == ["zero"]
    await tell_alice("one")
    live = await client.next("user.notified")
    await client.connection.close()
    await tell_alice("two", "three")
    again = await open_socket(server, "/ws/users/me?since=1", token)
    assert (await again.next("subscribed"))["data"]["resumed"] is True
    # From the database and from the bus it is the same.
    assert await again.next() == live
    found = [await again.next("user.notified") for _ in range(2)]
    assert [(one["seq"], one["data"]["title"]) for one in found] == [(3, "two"), (4, "three")]
    lost = await open_socket(server, "/ws/users/me?since=99", token)
    frame = await lost.next("user.snapshot")
    while frame["seq"] < 4:
        frame = await lost.next("user.notified")


async def test_the_log_of_an_execution_is_streamed_to_its_end(
    server: Server, story: tuple[Story, str]
) -> None:
    tale, token = story
    await tale.write("one", "two")
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=f"http://{server.address}") as client,
        client.stream(
            "GET",
            f"/api/v1/executions/{tale.execution.id}/logs/stream",
            headers={"Authorization": f"Bearer {token}"},
        ) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        async for kind, _, _ in events(response):
            if kind == "log.lines":
                break
