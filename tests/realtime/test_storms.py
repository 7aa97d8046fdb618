"""Clients that come all at once, and those that vanish: each gets a defined answer."""

import asyncio
import json
import logging
import resource

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.auth.models import User
from app.core.errors import Unavailable
from app.projects.models import Role
from app.realtime.admission import Admission
from app.realtime.codes import CloseCode
from tests.fixtures.factories import Factory
from tests.polling import until
from tests.realtime.conftest import Client, Connect, Server
from tests.realtime.rows import Story, tell

CLIENTS = 1000


@pytest.fixture
async def member(make: Factory) -> User:
    return await make.user()


@pytest.fixture
async def token(make: Factory, member: User) -> str:
    return await make.token(member)


@pytest.fixture
async def story(server: Server, make: Factory, member: User) -> Story:
    project = await make.project(members={Role.REPORTER: member})
    return await tell(server.database, await make.pipeline(project))


@pytest.fixture
def many_files() -> None:
    """Both ends of each socket are files of this process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_a_thousand_at_once_all_get_in_or_are_told_when_to_come_again(
    server: Server, open_socket: Connect, token: str, story: Story, many_files: None
) -> None:
    path = f"/ws/executions/{story.execution.id}"

    async def come() -> Client:
        while True:
            try:
                return await open_socket(server, path, token, open_timeout=None)
            except InvalidStatus as refused:
                if refused.response.status_code != 503:
                    raise
                await asyncio.sleep(int(refused.response.headers["Retry-After"]))

    clients = await asyncio.gather(*(come() for _ in range(CLIENTS)))
    for client in clients:
        await client.next("execution.snapshot", within_s=60)
    await story.change()
    for client in clients:
        assert (await client.next("job.changed", within_s=60))["seq"] == 1
    for client in clients:
        client.connection.transport.abort()


async def test_who_waits_too_long_for_a_turn_is_told_when_to_come_again(
    server: Server, open_socket: Connect, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = Admission(at_once=1, longest_wait_s=0.05)
    monkeypatch.setattr(server.realtime, "admission", admission)
    async with admission.turn():
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(server, "/ws", token)
    response = refused.value.response
    assert response.status_code == 503
    assert json.loads(response.body)["code"] == "unavailable"
    assert 1 <= int(response.headers["Retry-After"]) <= 5
    monkeypatch.setattr(server.realtime, "admission", Admission(at_once=1))
    client = await open_socket(server, "/ws", token)
    await client.send(type="ping")
    await client.next("pong")


async def test_a_refusal_is_no_error_of_the_server(
    server: Server, open_socket: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("uvicorn.error")
    log.addHandler(caplog.handler)
    try:
        with pytest.raises(InvalidStatus):
            await open_socket(server, "/ws", "ansflow_wrong")
        client = server.realtime.connections.statistics()
        assert client["open"] == 0
    finally:
        log.removeHandler(caplog.handler)
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_topic_that_cannot_be_read_now_ends_its_own_socket(
    server: Server,
    open_socket: Connect,
    token: str,
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    multiplexed = await open_socket(server, "/ws", token)

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(server.realtime.hub, "subscribe", away)
    alone = await open_socket(server, f"/ws/executions/{story.execution.id}", token)
    assert (await alone.next())["data"]["code"] == "unavailable"
    with pytest.raises(ConnectionClosed) as closed:
        await alone.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.TRY_AGAIN
    await multiplexed.subscribe(story.topic, id=7)
    error = await multiplexed.next("error")
    assert error["topic"] == story.topic
    assert (error["data"]["code"], error["data"]["id"]) == ("unavailable", 7)
    monkeypatch.undo()
    await multiplexed.subscribe(story.topic)
    await multiplexed.next("execution.snapshot")


@pytest.mark.parametrize(
    "server", [{"ws_ping_interval": 0.2, "ws_ping_timeout": 0.5}], indirect=True
)
async def test_a_half_open_connection_is_given_up(
    server: Server, open_socket: Connect, token: str, story: Story
) -> None:
    """The other end is gone without a word: nothing comes from it, not even a pong."""
    path = f"/ws/executions/{story.execution.id}"
    there = await open_socket(server, path, token)
    gone = await open_socket(server, path, token)
    await gone.next("execution.snapshot")
    gone.connection.transport.pause_reading()
    await until(lambda: server.realtime.connections.statistics()["open"] == 1)
    await story.change()
    assert (await there.next("job.changed"))["seq"] == 1
