"""A follower sees every line once, in order, whatever the bus does."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from app.auth.principals import SYSTEM, Principal
from app.core.db import Database
from app.core.errors import Unavailable
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.events import Event, JobChanged, LocalBus, LogWritten
from app.events.bus import Receive
from app.logs.inbox import MAX_WAITING
from app.logs.repository.reading import LogRepository
from app.logs.service import cursor as cursors
from app.logs.service import following as following_service
from app.logs.service.cursor import Cursor
from app.logs.service.following import (
    Follower,
    follow_execution,
    follow_job,
    follow_step,
    parts_as_followed,
)
from app.logs.service.merge import merge_step
from app.models import Job
from tests.logs.conftest import LogFactory, LoggedStep
from tests.polling import until


class SilentBus(LocalBus):
    """Redis is down: nothing is ever heard."""

    async def subscribe(self, topic: str, receive: Receive) -> bool:
        return False

    def publish(self, events: Sequence[Event]) -> None:
        """Lost."""


class Stream:
    """What a client of a stream has received so far."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        self._frames = frames
        self.comments = 0
        self.ids: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async with aclosing(self._frames) as frames:  # type: ignore[type-var]
            async for frame in frames:
                self._hear(frame.decode())

    def _hear(self, frame: str) -> None:
        if frame.startswith(":"):
            self.comments += 1
            return
        fields = dict(line.split(": ", 1) for line in frame.strip().split("\n"))
        if "id" in fields:
            self.ids.append(fields["id"])
        self.events.append((fields["event"], json.loads(fields["data"])["data"]))

    @property
    def lines(self) -> list[tuple[int, str]]:
        """Number and text of all lines."""
        found = []
        for kind, data in self.events:
            if kind == "log.lines":
                texts = data["text"].split("\n")[:-1]
                assert len(texts) == data["line_count"]
                found += list(enumerate(texts, data["first_line"]))
        return found

    @property
    def end(self) -> dict[str, Any] | None:
        """The data of the last event."""
        return dict(self.events).get("log.end")

    async def ended(self) -> "Stream":
        """Wait for the end of the stream."""
        async with asyncio.timeout(20):
            await self.task
        return self


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursors, "SILENCE_S", 0.1)


@pytest.fixture
def bus(request: pytest.FixtureRequest, logged: LogFactory) -> LocalBus:
    """A bus that works, unless the test asks for one that hears nothing."""
    made = getattr(request, "param", LocalBus)()
    logged.bus = made
    return made


def follower(database: Database, bus: LocalBus, *, principal: Principal = SYSTEM) -> Follower:
    return Follower(database, bus, principal, Cursor(heartbeat_s=0.0))


@asynccontextmanager
async def following(frames: AsyncIterator[bytes]) -> AsyncIterator[Stream]:
    stream = Stream(frames)
    yield stream
    stream.task.cancel()
    await asyncio.wait({stream.task})


def numbered(*texts: str) -> list[tuple[int, str]]:
    return list(enumerate(texts, 1))


on_both_buses = pytest.mark.parametrize(
    "bus", [pytest.param(LocalBus, id="live"), pytest.param(SilentBus, id="silent")], indirect=True
)


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


class TestFollowJob:
    @on_both_buses
    async def test_steps_come_one_after_the_other(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        job = await logged.job(await logged.execution())
        first, second = await logged.step(job, 0), await logged.step(job, 1)
        await second.set_status(StepStatus.PENDING)
        await logged.step(job, 2, status=StepStatus.SKIPPED)
        async with following(
            follow_job(follower(database, bus), job.id, job.execution_id)
        ) as stream:
            await first.write("a")
            await until(lambda: len(stream.lines) == 1)
            await first.end()
            await second.set_status(StepStatus.RUNNING)
            await second.write("b", "c")
            await second.end()
            await logged.end_job(job)
            await stream.ended()
        assert stream.lines == [(1, "a"), (1, "b"), (2, "c")]
        states = [
            (data["index"], data["status"])
            for kind, data in stream.events
            if kind == "step.changed"
        ]
        assert states == [
            (0, "running"),
            (0, "success"),
            (1, "running"),
            (1, "success"),
            (2, "skipped"),
        ]
        assert stream.end == {"status": "success", "attempt": 1, "reason": None}

    async def test_a_new_attempt_is_followed_as_well(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        job = await logged.job(await logged.execution())
        lost = await logged.step(job, 0)
        await lost.write("first attempt")
        async with following(
            follow_job(follower(database, bus), job.id, job.execution_id)
        ) as stream:
            await until(lambda: len(stream.lines) == 1)
            await lost.end(StepStatus.FAILURE, complete=False)
            async with database.session() as session:
                (await session.get_one(Job, job.id)).attempt = 2
            again = await logged.step(job, 0, attempt=2)
            await again.write("second attempt")
            await again.end()
            await logged.end_job(job)
            await stream.ended()
        assert [text for _, text in stream.lines] == ["first attempt", "second attempt"]

    async def test_a_skipped_job_ends_at_once(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        job = await logged.job(await logged.execution())
        await logged.end_job(job, JobStatus.SKIPPED)
        async with following(
            follow_job(follower(database, bus), job.id, job.execution_id)
        ) as stream:
            await stream.ended()
        assert [kind for kind, _ in stream.events] == ["log.end"]

    async def test_the_end_of_the_job_is_heard(
        self, logged: LogFactory, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cursors, "SILENCE_S", 3600.0)
        bus = LocalBus()
        execution = await logged.execution()
        job, other = await logged.job(execution), await logged.job(execution, "other")
        step = await logged.step(job)
        await step.end()
        frames = follow_job(follower(database, bus), job.id, execution.id)
        async with following(frames) as stream:
            await until(lambda: len(stream.events) == 2)
            bus.publish([_changed(other)])
            await logged.end_job(job)
            bus.publish([_changed(job)])
            await stream.ended()
        assert stream.end is not None


class TestFollowExecution:
    @on_both_buses
    async def test_jobs_come_in_the_order_they_start(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        execution = await logged.execution()
        later = await logged.job(execution, "later", started=False)
        sooner = await logged.job(execution, "sooner")
        step = await logged.step(sooner)
        frames = follow_execution(follower(database, bus), execution.id)
        async with following(frames) as stream:
            await step.write("sooner")
            await step.end()
            await logged.end_job(sooner)
            await logged.start_job(later)
            other = await logged.step(later)
            await other.write("later")
            await other.end()
            await logged.end_job(later, JobStatus.FAILURE)
            await logged.end(execution, ExecutionStatus.FAILURE)
            await stream.ended()
        assert [text for _, text in stream.lines] == ["sooner", "later"]
        jobs = [
            (data["key"], data["status"]) for kind, data in stream.events if kind == "job.changed"
        ]
        assert jobs == [
            ("sooner", "running"),
            ("sooner", "success"),
            ("later", "running"),
            ("later", "failure"),
        ]
        assert stream.end == {"status": "failure"}

    async def test_it_resumes_in_the_middle_of_a_later_job(
        self, logged: LogFactory, database: Database, bus: LocalBus
    ) -> None:
        execution = await logged.execution()
        steps = []
        for key in ("one", "two"):
            job = await logged.job(execution, key)
            step = await logged.step(job)
            await step.write(f"{key} 1", f"{key} 2")
            await step.end()
            await logged.end_job(job)
            steps.append(step)
        await logged.end(execution)
        begun = follower(database, bus)
        async with database.read() as session:
            parts = await parts_as_followed(session, execution.id)
        begun.cursor.resume(parts, 1, 2)
        async with following(follow_execution(begun, execution.id)) as stream:
            await stream.ended()
        assert [text for _, text in stream.lines] == ["two 2"]


def _changed(job: Job) -> Event:
    return JobChanged(
        execution_id=job.execution_id,
        job_id=job.id,
        key=job.key,
        name=job.name,
        attempt=1,
        status=JobStatus.SUCCESS,
    )


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
