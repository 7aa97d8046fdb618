"""An execution, live: its present, then every change, resumed without a gap."""

import pytest

from app.projects.models import Role
from tests.fixtures.factories import Factory
from tests.realtime.conftest import Client, Connect, Server, StartServer
from tests.realtime.rows import Story, tell


@pytest.fixture
async def token(make: Factory) -> str:
    alice = await make.user("alice")
    project = await make.project("shop", members={Role.REPORTER: alice})
    await make.pipeline(project, "build")
    return await make.token(alice)


@pytest.fixture
async def story(server: Server, make: Factory) -> tuple[Story, str]:
    alice = await make.user()
    project = await make.project(members={Role.REPORTER: alice})
    pipeline = await make.pipeline(project)
    return await tell(server.database, pipeline), await make.token(alice)


async def seqs(client: Client, up_to: int) -> list[int]:
    """The numbers of the events that come, until `up_to`."""
    seen: list[int] = []
    while not seen or seen[-1] < up_to:
        seen.append((await client.next("job.changed", "execution.changed"))["seq"])
    return seen


async def test_snapshot_then_deltas(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    await tale.change(times=3)
    client = await open_socket(server, f"/ws/executions/{tale.execution.id}", token)
    snapshot = await client.next("execution.snapshot")
    assert snapshot["seq"] == 3
    assert snapshot["topic"] == tale.topic
    assert [job["key"] for job in snapshot["data"]["jobs"]] == ["build"]
    assert [step["name"] for step in snapshot["data"]["steps"]] == ["make"]
    await tale.change()
    await tale.change(times=2)
    assert await seqs(client, 6) == [4, 5, 6]


async def test_resume_sends_what_was_missed_and_no_snapshot(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    await tale.change(times=5)
    client = await open_socket(server, "/ws", token)
    await client.subscribe(tale.topic, since=2)
    assert (await client.next())["data"] == {"resumed": True}
    assert await seqs(client, 5) == [3, 4, 5]
    await tale.change()
    assert await seqs(client, 6) == [6]


async def test_a_number_that_was_never_sent_gives_a_snapshot(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    await tale.change(times=2)
    client = await open_socket(server, "/ws", token)
    await client.subscribe(tale.topic, since=99)
    assert (await client.next())["data"] == {"resumed": False}
    assert (await client.next("execution.snapshot"))["seq"] == 2
    await tale.change()
    assert await seqs(client, 3) == [3]


async def test_lost_and_late_messages_are_filled_in(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    client = await open_socket(server, f"/ws/executions/{tale.execution.id}", token)
    await client.next("execution.snapshot")
    await tale.change(times=3, publish=False)
    await tale.change()
    assert await seqs(client, 4) == [1, 2, 3, 4]
    late = await tale.change(publish=False)
    await tale.change()
    server.bus.publish(late)
    assert await seqs(client, 6) == [5, 6]


async def test_a_lost_last_message_is_found_after_silence(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    client = await open_socket(server, f"/ws/executions/{tale.execution.id}", token)
    await client.next("execution.snapshot")
    await tale.change(publish=False)
    assert await seqs(client, 1) == [1]


async def test_the_state_of_a_step_comes_live(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    client = await open_socket(server, f"/ws/executions/{tale.execution.id}", token)
    await client.next("execution.snapshot")
    await tale.end_step()
    changed = await client.next("step.changed")
    assert changed["data"]["status"] == "success"
    assert changed["seq"] is None


async def test_many_watchers_of_one_execution(
    server: Server, story: tuple[Story, str], open_socket: Connect
) -> None:
    tale, token = story
    path = f"/ws/executions/{tale.execution.id}"
    clients = [await open_socket(server, path, token) for _ in range(20)]
    await tale.change(times=10)
    for client in clients:
        first = await client.next("execution.snapshot")
        if first["seq"] < 10:
            assert await seqs(client, 10) == list(range(first["seq"] + 1, 11))


async def test_two_processes_show_the_same(
    start_server: StartServer, make: Factory, open_socket: Connect
) -> None:
    one, two = await start_server(), await start_server()
    alice = await make.user()
    project = await make.project(members={Role.GUEST: alice})
    tale = await tell(one.database, await make.pipeline(project))
    token = await make.token(alice)
    client = await open_socket(two, f"/ws/executions/{tale.execution.id}", token)
    await client.next("execution.snapshot")
    await tale.change(times=2)
    assert await seqs(client, 2) == [1, 2]
