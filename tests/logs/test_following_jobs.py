"""Followers of jobs and executions: steps and jobs in the order they run."""

import pytest

from app.core.db import Database
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.events import Event, JobChanged, LocalBus
from app.logs.service import cursor as cursors
from app.logs.service.following import (
    follow_execution,
    follow_job,
    parts_as_followed,
)
from app.models import Job
from tests.logs.conftest import LogFactory
from tests.logs.streams import follower, following, on_both_buses
from tests.polling import until


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
