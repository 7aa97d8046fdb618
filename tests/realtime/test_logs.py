"""The log of a job, live: every line once and in order."""

from typing import Any

import pytest

from app.projects.models import Role
from tests.fixtures.factories import Factory
from tests.realtime.conftest import Client, Connect, Server
from tests.realtime.rows import Story, tell


@pytest.fixture
async def tale(server: Server, make: Factory) -> tuple[Story, str]:
    alice = await make.user()
    project = await make.project(members={Role.REPORTER: alice})
    return await tell(server.database, await make.pipeline(project)), await make.token(alice)


async def lines(client: Client, count: int) -> list[tuple[int, str]]:
    """The next lines with their numbers; each frame is checked to be well formed."""
    found: list[tuple[int, str]] = []
    while len(found) < count:
        frame: dict[str, Any] = await client.next("log.lines")
        data = frame["data"]
        texts = data["text"].split("\n")
        assert texts.pop() == ""
        assert len(texts) == data["line_count"] == sum(run[0] for run in data["times"])
        assert frame["seq"] == data["first_line"] + data["line_count"] - 1
        found += [(data["first_line"] + at, text) for at, text in enumerate(texts)]
    return found


def numbered(first: int, *texts: str) -> list[tuple[int, str]]:
    return list(enumerate(texts, first))


async def test_history_then_live(
    server: Server, tale: tuple[Story, str], open_socket: Connect
) -> None:
    story, token = tale
    await story.write("one", "two")
    await story.write("three")
    client = await open_socket(server, f"/ws/jobs/{story.job.id}/logs", token)
    assert (await client.next("log.snapshot"))["data"]["steps"][0]["name"] == "make"
    assert await lines(client, 3) == numbered(1, "one", "two", "three")
    await story.write("four")
    assert await lines(client, 1) == numbered(4, "four")
    await story.end_step()
    ended = await client.next("step.changed")
    assert ended["data"]["lines"] == 4


async def test_resume_by_line_in_the_middle_of_a_chunk(
    server: Server, tale: tuple[Story, str], open_socket: Connect
) -> None:
    story, token = tale
    await story.write("one", "two", "three")
    await story.write("four")
    client = await open_socket(server, "/ws", token)
    await client.subscribe(story.log_topic, since=f"{story.step.id}:2")
    assert await lines(client, 2) == numbered(3, "three", "four")


async def test_large_chunks_come_in_frames_of_a_bearable_size(
    server: Server, tale: tuple[Story, str], open_socket: Connect
) -> None:
    story, token = tale
    client = await open_socket(server, f"/ws/jobs/{story.job.id}/logs", token)
    await client.next("log.snapshot")
    texts = [f"{number} " + "x" * 5000 for number in range(200)]
    await story.write("small")
    await story.write(*texts)
    assert await lines(client, 201) == numbered(1, "small", *texts)


async def test_lost_chunks_are_filled_in(
    server: Server, tale: tuple[Story, str], open_socket: Connect
) -> None:
    story, token = tale
    client = await open_socket(server, f"/ws/jobs/{story.job.id}/logs", token)
    await client.next("log.snapshot")
    await story.write("one", publish=False)
    await story.write("two", publish=False)
    await story.write("three")
    assert await lines(client, 3) == numbered(1, "one", "two", "three")
    await story.write("four", publish=False)
    assert await lines(client, 1) == numbered(4, "four")


async def test_odd_lines_survive(
    server: Server, tale: tuple[Story, str], open_socket: Connect
) -> None:
    story, token = tale
    odd = ["", "\r progress", "tab\there", '"quoted" \\ back', "\u2028 separator", "😀", "\x1b[1mx"]
    client = await open_socket(server, f"/ws/jobs/{story.job.id}/logs", token)
    await client.next("log.snapshot")
    await story.write(*odd)
    assert await lines(client, len(odd)) == numbered(1, *odd)
    again = await open_socket(server, "/ws", token)
    await again.subscribe(story.log_topic, since=f"{story.step.id}:1")
    assert await lines(again, len(odd) - 1) == numbered(2, *odd[1:])


async def test_a_long_history_and_a_live_writer_meet_without_a_gap(
    server: Server, tale: tuple[Story, str], open_socket: Connect
) -> None:
    story, token = tale
    for number in range(30):
        await story.write(*[f"{number}.{line}" for line in range(20)])
    clients = [await open_socket(server, f"/ws/jobs/{story.job.id}/logs", token) for _ in range(3)]
    for number in range(30, 60):
        await story.write(*[f"{number}.{line}" for line in range(20)])
    expected = numbered(1, *[f"{number}.{line}" for number in range(60) for line in range(20)])
    for client in clients:
        assert await lines(client, 1200) == expected
