"""A follower of a step sees every line once, in order, whatever the bus does."""

import asyncio
import uuid
from typing import Any

import pytest

from app.auth.principals import SYSTEM, Principal
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.redis import Namespace, Namespaces, RedisOptions
from app.engine.states import StepStatus
from app.events import Event, LocalBus, LogWritten, RedisBus
from app.logs.inbox import MAX_WAITING
from app.logs.repository.reading import LogRepository
from app.logs.service import following as following_service
from app.logs.service.cursor import Cursor
from app.logs.service.following import (
    Follower,
    follow_step,
)
from app.logs.service.merge import merge_step
from tests.fixtures.redis import RedisServer
from tests.logs.conftest import LogFactory, LoggedStep
from tests.logs.streams import Stream, follower, following, numbered, on_both_buses
from tests.polling import until


class TestFollowStep:
    @on_both_buses
    async def test_history_then_new_lines_then_the_end(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("one", "two")
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: len(stream.lines) == 2)
            await step.write("three")
            await until(lambda: len(stream.lines) == 3)
            await step.write("four", "five")
            sha256 = await step.end()
            await stream.ended()
        assert stream.lines == numbered("one", "two", "three", "four", "five")
        assert stream.ids[-1] == f"{step.id}:5"
        assert stream.end is not None
        assert stream.end["sha256"] == sha256
        assert stream.end["lines"] == 5
        states = [data["status"] for kind, data in stream.events if kind == "step.changed"]
        assert states == ["running", "success"]

    async def test_an_ended_step_is_told_whole_and_ends_at_once(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write(*[f"line {number}" for number in range(50)])
        await step.end(StepStatus.FAILURE)
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await stream.ended()
        assert len(stream.lines) == 50
        assert stream.end is not None
        assert stream.end["status"] == "failure"

    async def test_a_step_without_lines_ends(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        await step.end()
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await stream.ended()
        assert stream.lines == []

    async def test_a_lost_message_is_read_from_the_database(
        self, logged: LogFactory, database: Database
    ) -> None:
        logged.bus = bus = LocalBus()
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("one")
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: len(stream.lines) == 1)
            await step.write("two", announce=False)
            await step.write("three")
            await until(lambda: len(stream.lines) == 3)
        assert stream.lines == numbered("one", "two", "three")

    async def test_lines_over_32_kib_are_read_from_the_database(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: bool(stream.events))
            await step.write(*["x" * 1000] * 600)
            await step.end()
            await stream.ended()
        assert [number for number, _ in stream.lines] == list(range(1, 601))
        assert max(len(data["text"]) for kind, data in stream.events if "text" in data) < 300_000

    async def test_a_flood_of_messages_costs_no_line(
        self, logged: LogFactory, database: Database
    ) -> None:
        logged.bus = bus = LocalBus()
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("first")
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: len(stream.lines) == 1)
            # Published at once: the loop has no time to take one before all are there.
            await step.write("second", announce=False)
            flood = [_event(step, number) for number in range(1, MAX_WAITING + 50)]
            bus.publish(flood)
            await step.end()
            await stream.ended()
        assert stream.lines == numbered("first", "second")

    @on_both_buses
    async def test_merging_while_it_is_read_costs_no_line(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        for number in range(1, 4):
            await step.write(f"line {number}")
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: len(stream.lines) == 3)
            await step.write("line 4", announce=False)
            await step.write("line 5", announce=False)
            await merge_step(database, step.id)
            await step.end_without_reading(5)
            await stream.ended()
        assert stream.lines == numbered(*[f"line {number}" for number in range(1, 6)])

    async def test_silence_is_kept_alive(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: stream.comments > 1)
        assert stream.lines == []

    async def test_no_session_is_open_while_it_waits(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("one")
        single = Database(
            str(database.engine.url.render_as_string(hide_password=False)), pool_size=1
        )
        streams = [
            Stream(follow_step(follower(single, bus), step.id, step.job_id)) for _ in range(8)
        ]
        try:
            await until(lambda: all(stream.lines for stream in streams))
            await step.end()
            for stream in streams:
                await stream.ended()
        finally:
            for stream in streams:
                stream.task.cancel()
            await asyncio.wait({stream.task for stream in streams})
            await single.close()

    async def test_it_goes_on_after_the_database_was_away(
        self,
        logged: LogFactory,
        database: Database,
        bus: LocalBus,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(following_service, "SILENCE_S", 0.05)
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("one")
        away = True
        reading = LogRepository.part

        async def part(self: LogRepository, principal: Principal, step_id: uuid.UUID) -> Any:
            if away:
                raise Unavailable("the database cannot be reached")
            return await reading(self, principal, step_id)

        monkeypatch.setattr(LogRepository, "part", part)
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: stream.comments > 1)
            assert stream.lines == []
            away = False
            await until(lambda: len(stream.lines) == 1)

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_redis_that_is_down_costs_no_line(
        self, logged: LogFactory, database: Database, redis_server: RedisServer
    ) -> None:
        namespaces = Namespaces(RedisOptions(url=redis_server.url))
        bus = RedisBus(namespaces[Namespace.CHANNELS])
        logged.bus = bus
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("one")
        frames = follow_step(follower(database, bus), step.id, step.job_id)
        async with following(frames) as stream:
            await until(lambda: len(stream.lines) == 1)
            await step.write("two")
            await until(lambda: len(stream.lines) == 2)
            await redis_server.start()
            await until(lambda: bus.is_listening)
            await step.write("three")
            await step.end()
            await stream.ended()
        await bus.close()
        await namespaces.close()
        assert stream.lines == numbered("one", "two", "three")

    async def test_who_may_see_it_no_more_gets_no_more(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        user = await logged.make.user()
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("secret")
        stranger = Principal(user.id, user.name)
        frames = follow_step(follower(database, bus, principal=stranger), step.id, step.job_id)
        async with following(frames) as stream:
            await stream.ended()
        assert stream.events == []

    async def test_a_stream_that_has_lived_long_enough_ends(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        step = await logged.step(await logged.job(await logged.execution()))
        await step.write("one")
        limited = Follower(database, bus, SYSTEM, Cursor(), lifetime_s=0.05)
        async with following(follow_step(limited, step.id, step.job_id)) as stream:
            await stream.ended()
        assert stream.end is None


def _event(step: LoggedStep, number: int) -> Event:
    return LogWritten(
        job_id=step.job_id,
        step_id=step.id,
        index=0,
        attempt=1,
        first_line=number + 10,
        line_count=1,
        text="never stored\n",
        times=[(1, 0)],
    )
