"""Fires: each exactly once, with the rights of the owner at that time, as the policies say."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from app.core.clock import db_now, new_id
from app.core.db import Database
from app.jobs.catalog import CancelOverlapped, StartFires
from app.models import Execution, OutboxRow, Pipeline, Project, Schedule, ScheduleFire, User
from app.projects.models import Role
from app.settings import Settings
from app.triggers.schedules.models import CatchUp, FireStatus, Overlap
from app.triggers.schedules.service.clean_up import KEPT_S, clean_up
from app.triggers.schedules.service.recording import order_again, record_due
from app.triggers.schedules.service.starting import cancel_overlapped, start_fires
from tests.executions.driver import SERVER, Driver
from tests.fixtures.factories import Factory
from tests.triggers.rows import add_schedule, schedule_of
from workers.timetable import Timetable

SOURCE = """
on:
  workflow_dispatch:
    inputs:
      target: {type: choice, options: [staging, production]}
steps:
  - run: echo hello
"""


class Clockwork:
    """A project with an owner and a pipeline; does what scheduler and worker do."""

    def __init__(self, database: Database, make: Factory) -> None:
        self.database, self.make = database, make
        self.driver = Driver(database)

    async def open(self) -> "Clockwork":
        self.owner: User = await self.make.user("owner")
        self.project: Project = await self.make.project(members={Role.DEVELOPER: self.owner})
        self.pipeline: Pipeline = await self.make.pipeline(self.project, source=SOURCE)
        return self

    async def now(self) -> datetime:
        async with self.database.read() as session:
            return (await session.execute(select(db_now()))).scalar_one()

    async def add(self, late_s: float = 1.0, **fields: object) -> Schedule:
        """A schedule that has been due for `late_s` seconds; cron that comes once an hour."""
        due = (await self.now()) - timedelta(seconds=late_s)
        fields.setdefault("cron", f"{(due.minute + 30) % 60} * * * *")
        schedule = schedule_of(self.pipeline, self.owner, next_fire_at=due, **fields)  # type: ignore[arg-type]  # as given
        await add_schedule(self.database, schedule)
        return schedule

    async def make_due(self, schedule: Schedule) -> None:
        async with self.database.session() as session:
            await session.execute(
                update(Schedule).where(Schedule.id == schedule.id).values(next_fire_at=db_now())
            )

    async def work(self) -> None:
        """Act on all messages of schedules once."""
        for row in await self.driver.messages():
            if row.kind == StartFires.wire:
                message = StartFires.from_body(row.body)
                await start_fires(self.database, message, server_url=SERVER)
            if row.kind == CancelOverlapped.wire:
                cancel = CancelOverlapped.from_body(row.body)
                await cancel_overlapped(self.database, cancel, max_worker_lost=2)

    async def fire(self, schedule: Schedule) -> ScheduleFire:
        """Let it fire now and start what it started; the newest fire."""
        await self.make_due(schedule)
        await record_due(self.database)
        await self.work()
        return (await self.fires())[-1]

    async def look_again(self) -> None:
        """Time passes: pending fires are looked at again."""
        await self.driver.forget_messages()
        async with self.database.session() as session:
            await session.execute(update(ScheduleFire).values(due_at=db_now(-1)))
        await order_again(self.database)
        await self.work()

    async def fires(self) -> Sequence[ScheduleFire]:
        async with self.database.read() as session:
            statement = select(ScheduleFire).order_by(ScheduleFire.fire_at, ScheduleFire.id)
            return (await session.scalars(statement)).all()

    async def executions(self) -> Sequence[Execution]:
        async with self.database.read() as session:
            return (await session.scalars(select(Execution).order_by(Execution.id))).all()


@pytest.fixture
async def clockwork(database: Database, make: Factory) -> Clockwork:
    return await Clockwork(database, make).open()


class TestFire:
    async def test_it_starts_the_current_version_in_the_name_of_its_owner(
        self, clockwork: Clockwork
    ) -> None:
        schedule = await clockwork.add(inputs={"target": "staging"})
        fire = await clockwork.fire(schedule)
        (execution,) = await clockwork.executions()
        assert (fire.status, fire.execution_id) == (FireStatus.STARTED, execution.id)
        assert (execution.event, execution.actor) == ("schedule", "owner")
        assert execution.inputs == {"target": "staging"}
        assert execution.github["event"] == {"schedule": schedule.cron}
        assert execution.triggered_by == clockwork.owner.id

    async def test_messages_that_come_twice_start_it_once(self, clockwork: Clockwork) -> None:
        await clockwork.add()
        await record_due(clockwork.database)
        await asyncio.gather(*(clockwork.work() for _ in range(3)))
        assert len(await clockwork.executions()) == 1

    async def test_a_lost_message_is_written_again(self, clockwork: Clockwork) -> None:
        await clockwork.add()
        await record_due(clockwork.database)
        await clockwork.driver.forget_messages()
        assert await order_again(clockwork.database) == 0
        await clockwork.look_again()
        assert len(await clockwork.executions()) == 1

    async def test_what_is_not_due_does_not_fire(self, clockwork: Clockwork) -> None:
        await clockwork.add(late_s=-60)
        assert await record_due(clockwork.database) == 0

    async def test_inputs_that_the_pipeline_does_not_take_fail_it_with_the_reason(
        self, clockwork: Clockwork
    ) -> None:
        fire = await clockwork.fire(await clockwork.add(inputs={"target": "moon"}))
        assert fire.status is FireStatus.FAILED
        assert "target" in (fire.reason or "")
        assert await clockwork.executions() == []


class TestRights:
    async def test_an_owner_who_has_left_starts_nothing(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.add()
        async with clockwork.database.session() as session:
            user = await session.get_one(User, clockwork.owner.id)
            user.is_active = False
        fire = await clockwork.fire(schedule)
        assert (fire.status, fire.reason) == (
            FireStatus.REFUSED,
            "its owner owner is switched off",
        )

    async def test_an_owner_without_the_right_any_more_starts_nothing(
        self, clockwork: Clockwork
    ) -> None:
        guest = await clockwork.make.user("guest")
        await clockwork.make.member(clockwork.project, guest, Role.GUEST)
        clockwork.owner = guest
        assert (await clockwork.fire(await clockwork.add())).status is FireStatus.REFUSED
        clockwork.owner = await clockwork.make.user("stranger")
        assert (await clockwork.fire(await clockwork.add())).status is FireStatus.REFUSED
        assert await clockwork.executions() == []

    async def test_without_an_owner_nothing_starts(self, clockwork: Clockwork) -> None:
        due = await clockwork.now()
        schedule = schedule_of(clockwork.pipeline, None, next_fire_at=due)
        await add_schedule(clockwork.database, schedule)
        assert (await clockwork.fire(schedule)).status is FireStatus.REFUSED


class TestCatchUp:
    HOURS_LATE = 5 * 3600.0

    async def late(self, clockwork: Clockwork, catch_up: CatchUp) -> list[FireStatus]:
        due = (await clockwork.now()) - timedelta(seconds=self.HOURS_LATE)
        cron = f"{due.minute} * * * *"
        due = due.replace(second=0, microsecond=0)
        schedule = schedule_of(
            clockwork.pipeline, clockwork.owner, cron=cron, next_fire_at=due, catch_up=catch_up
        )
        await add_schedule(clockwork.database, schedule)
        # The last one of the six may still be on time: it is as late as the minute is old.
        await record_due(clockwork.database)
        return [fire.status for fire in await clockwork.fires()]

    async def test_none_starts_what_is_on_time_and_says_what_was_missed(
        self, clockwork: Clockwork
    ) -> None:
        assert await self.late(clockwork, CatchUp.NONE) == [FireStatus.SKIPPED, FireStatus.PENDING]
        missed = (await clockwork.fires())[0]
        assert "missed" in (missed.reason or "")

    async def test_none_starts_nothing_that_is_late(self, clockwork: Clockwork) -> None:
        await clockwork.add(late_s=600)
        await record_due(clockwork.database)
        assert [fire.status for fire in await clockwork.fires()] == [FireStatus.SKIPPED]

    async def test_latest_starts_one(self, clockwork: Clockwork) -> None:
        await clockwork.add(late_s=600, catch_up=CatchUp.LATEST)
        await record_due(clockwork.database)
        assert [fire.status for fire in await clockwork.fires()] == [FireStatus.PENDING]

    async def test_all_starts_all(self, clockwork: Clockwork) -> None:
        assert await self.late(clockwork, CatchUp.ALL) == [FireStatus.PENDING] * 6

    async def test_all_is_bounded(self, clockwork: Clockwork) -> None:
        await clockwork.add(late_s=400 * 60, cron="* * * * *", catch_up=CatchUp.ALL)
        assert await record_due(clockwork.database) == 100

    async def test_afterwards_it_goes_on_from_now(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.add(late_s=400 * 60, catch_up=CatchUp.ALL)
        await record_due(clockwork.database)
        assert await record_due(clockwork.database) == 0
        async with clockwork.database.read() as session:
            row = await session.get_one(Schedule, schedule.id)
        assert row.next_fire_at is not None
        assert row.next_fire_at > await clockwork.now()
        assert row.last_fire_at == (await clockwork.fires())[-1].fire_at


class TestOverlap:
    async def twice(self, clockwork: Clockwork, overlap: Overlap) -> list[ScheduleFire]:
        schedule = await clockwork.add(overlap=overlap)
        await clockwork.fire(schedule)
        await clockwork.driver.forget_messages()
        await clockwork.fire(schedule)
        await clockwork.work()
        return list(await clockwork.fires())

    async def test_allow_starts_another(self, clockwork: Clockwork) -> None:
        await self.twice(clockwork, Overlap.ALLOW)
        assert len(await clockwork.executions()) == 2

    async def test_skip_starts_none(self, clockwork: Clockwork) -> None:
        _, second = await self.twice(clockwork, Overlap.SKIP)
        assert second.status is FireStatus.SKIPPED
        assert second.reason == "execution #1 of this schedule was still running"

    async def test_queue_waits_for_the_end(self, clockwork: Clockwork) -> None:
        first, second = await self.twice(clockwork, Overlap.QUEUE)
        assert (second.status, second.reason) == (FireStatus.PENDING, "waits for execution #1")
        await clockwork.look_again()
        assert len(await clockwork.executions()) == 1
        assert first.execution_id is not None
        await clockwork.driver.run(first.execution_id, "main")
        await clockwork.look_again()
        assert [fire.status for fire in await clockwork.fires()] == [FireStatus.STARTED] * 2

    async def test_cancel_running_cancels_the_earlier(self, clockwork: Clockwork) -> None:
        await self.twice(clockwork, Overlap.CANCEL_RUNNING)
        first, second = await clockwork.executions()
        assert (first.status, second.status) == ("cancelled", "queued")
        assert "overlap" in (first.reason or "")


class TestMany:
    async def test_three_schedulers_record_hundreds_once_each(
        self, clockwork: Clockwork, settings: Settings
    ) -> None:
        """All due at once; two batches of schedulers' work each."""
        count, due = 600, await clockwork.now()
        rows = [
            schedule_of(clockwork.pipeline, clockwork.owner, next_fire_at=due) for _ in range(count)
        ]
        async with clockwork.database.session() as session:
            session.add_all(rows)
        timetables = [Timetable(settings, clockwork.database) for _ in range(3)]
        await asyncio.gather(*(timetable.look() for timetable in timetables))
        await asyncio.gather(*(timetable.look() for timetable in timetables))
        fires = await clockwork.fires()
        assert len(fires) == len({fire.schedule_id for fire in fires}) == count
        assert {fire.status for fire in fires} == {FireStatus.PENDING}
        batches = {fire.batch_id for fire in fires}
        async with clockwork.database.read() as session:
            kinds = select(func.count()).where(OutboxRow.kind == StartFires.wire)
            assert await session.scalar(kinds) == len(batches) >= count / 50


async def test_what_fired_long_ago_is_forgotten_what_waits_is_not(clockwork: Clockwork) -> None:
    schedule = await clockwork.add()
    async with clockwork.database.session() as session:
        for number, status in enumerate((FireStatus.STARTED, FireStatus.PENDING)):
            session.add(
                ScheduleFire(
                    id=new_id(),
                    schedule_id=schedule.id,
                    fire_at=schedule.created_at + timedelta(minutes=number),
                    status=status,
                    batch_id=new_id(),
                    due_at=schedule.created_at - timedelta(seconds=KEPT_S + 60),
                    recorded_at=schedule.created_at,
                )
            )
    assert await clean_up(clockwork.database) == 1
    assert [fire.status for fire in await clockwork.fires()] == [FireStatus.PENDING]
