"""The life of an execution, from the trigger to its end, in the database."""

import asyncio

import pytest

from app.core.clock import new_id
from app.engine.states import ExecutionStatus, JobStatus
from app.executions.errors import ExecutionFinished, NothingToRerun
from app.executions.service.finish import declare_lost, hand_back
from app.executions.service.leases import renew
from app.executions.service.rerun import rerun_execution
from app.executions.service.sweeps import requeue_forgotten, take_lost_claims
from tests.executions.conftest import Launch
from tests.executions.driver import Driver

DIAMOND = """
on: workflow_dispatch
jobs:
  a: {runs-on: x, steps: [{run: "true"}], outputs: {v: "${{ steps.s.outputs.v }}"}}
  b: {runs-on: x, needs: a, steps: [{run: "true"}, {run: "false"}]}
  c: {runs-on: x, needs: a, steps: [{run: "true"}]}
  d: {runs-on: x, needs: [b, c], steps: [{run: "true"}]}
""".replace("runs-on: x", "runs-on: ubuntu-latest")


class TestStart:
    async def test_the_first_job_is_queued_and_the_others_are_blocked(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        assert await driver.statuses(execution_id) == {
            "a": "queued",
            "b": "blocked",
            "c": "blocked",
            "d": "blocked",
        }
        (message,) = await driver.messages()
        jobs = await driver.jobs(execution_id)
        assert message.queue == "high_priority"
        assert message.body == {"job_id": str(jobs["a"].id), "attempt": 1}

    async def test_numbers_count_per_pipeline_without_gaps(
        self, launch: Launch, driver: Driver
    ) -> None:
        first = await driver.execution(await launch(DIAMOND))
        started = await asyncio.gather(*[driver.start(first.pipeline_id) for _ in range(5)])
        numbers = [(await driver.execution(one)).number for one in started]
        assert sorted(numbers) == [2, 3, 4, 5, 6]

    async def test_events_are_numbered_from_one_without_gaps(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        events = await driver.events(execution_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert (await driver.execution(execution_id)).seq == len(events)


class TestClaim:
    async def test_a_claim_runs_the_job_and_writes_its_steps(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        assert len(claimed.steps) == 1
        assert claimed.contexts["github"]["run_number"] == "1"
        assert (await driver.execution(execution_id)).status == ExecutionStatus.RUNNING
        assert (await driver.jobs(execution_id))["a"].claim_token == claimed.token

    async def test_only_one_of_many_claims_wins(self, launch: Launch, driver: Driver) -> None:
        execution_id = await launch(DIAMOND)
        claims = await asyncio.gather(*[driver.claim(execution_id, "a") for _ in range(8)])
        assert len([one for one in claims if one is not None]) == 1

    async def test_the_same_token_gets_its_claim_again(
        self, launch: Launch, driver: Driver
    ) -> None:
        from app.executions.service.claim import claim  # noqa: PLC0415  used only here

        execution_id = await launch(DIAMOND)
        job, token = (await driver.jobs(execution_id))["a"], new_id()
        answers = [
            await claim(
                driver.database,
                job_id=job.id,
                attempt=1,
                token=token,
                worker_id=driver.worker_id,
                lease_s=60,
            )
            for _ in range(2)
        ]
        assert answers[0] is not None
        assert answers[1] is not None
        assert answers[0].steps == answers[1].steps

    async def test_a_claim_of_an_earlier_attempt_gets_nothing(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        assert await hand_back(
            driver.database,
            execution_id=execution_id,
            key="a",
            attempt=1,
            token=claimed.token,
            max_worker_lost=2,
        )
        assert not await driver.finish(claimed)
        job = (await driver.jobs(execution_id))["a"]
        assert (job.status, job.attempt, job.claim_token) == ("queued", 2, None)


class TestFinish:
    async def test_a_diamond_runs_to_success(self, launch: Launch, driver: Driver) -> None:
        execution_id = await launch(DIAMOND)
        await driver.run(execution_id, "a", v="7")
        claims = await asyncio.gather(*[driver.claim(execution_id, key) for key in "bc"])
        for claimed in claims:
            assert claimed is not None
            assert claimed.contexts["needs"]["a"] == {"result": "success", "outputs": {"v": "7"}}
        ended = await asyncio.gather(*[driver.finish(one) for one in claims if one])
        assert ended == [True, True]
        await driver.run(execution_id, "d")
        execution = await driver.execution(execution_id)
        assert execution.status == ExecutionStatus.SUCCESS
        assert execution.finished_at is not None
        events = await driver.events(execution_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))

    async def test_a_finish_told_twice_is_one(self, launch: Launch, driver: Driver) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        assert await driver.finish(claimed)
        before = await driver.events(execution_id)
        assert await driver.finish(claimed)
        assert len(await driver.events(execution_id)) == len(before)

    async def test_what_needs_a_failed_job_is_skipped_with_a_reason(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        await driver.run(execution_id, "a", JobStatus.FAILURE)
        jobs = await driver.jobs(execution_id)
        assert jobs["d"].status == "skipped"
        assert jobs["d"].reason
        assert (await driver.execution(execution_id)).status == ExecutionStatus.FAILURE


class TestLeases:
    async def test_a_renewal_tells_what_is_held_cancelled_and_gone(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        await driver.cancel(execution_id)
        stranger = new_id()
        renewal = await renew(driver.database, tokens=[claimed.token, stranger], lease_s=20)
        assert renewal.held == {claimed.token: 1}
        assert renewal.gone == {stranger}
        assert abs(renewal.offset.total_seconds()) < 60

    async def test_an_expired_lease_is_taken_and_the_job_queued_again(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a", lease_s=-1)
        assert claimed is not None
        assert await take_lost_claims(driver.database, max_worker_lost=2) == 1
        job = (await driver.jobs(execution_id))["a"]
        assert (job.status, job.attempt, job.lost) == ("queued", 2, 1)
        assert not await driver.finish(claimed)

    async def test_a_live_lease_is_not_taken(self, launch: Launch, driver: Driver) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        assert await take_lost_claims(driver.database, max_worker_lost=2) == 0
        assert not await declare_lost(
            driver.database,
            execution_id=execution_id,
            key="a",
            attempt=1,
            token=claimed.token,
            reason="test",
            max_worker_lost=2,
        )

    async def test_a_job_that_loses_too_many_workers_fails(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        for _ in range(3):
            assert await driver.claim(execution_id, "a", lease_s=-1)
            await take_lost_claims(driver.database, max_worker_lost=2)
        job = (await driver.jobs(execution_id))["a"]
        assert job.status == "failure"
        assert job.reason is not None


class TestSweep:
    async def _forgotten(self, driver: Driver, *, ready: bool | None) -> int:
        async def has_ready(_queue: str) -> bool | None:
            return ready

        from sqlalchemy import update  # noqa: PLC0415  only to move the clock of this test

        from app.core.clock import db_now  # noqa: PLC0415
        from app.executions.models import Job  # noqa: PLC0415

        async with driver.database.session() as session:
            await session.execute(update(Job).values(queued_at=db_now(-61)))
        return await requeue_forgotten(
            driver.database,
            has_ready_message=has_ready,
            queued_after_s=60,
            no_worker_after_s=3600,
            max_worker_lost=2,
        )

    @pytest.mark.parametrize(("ready", "written"), [(False, 1), (True, 0), (None, 0)])
    async def test_a_message_is_written_again_only_for_an_empty_queue(
        self, launch: Launch, driver: Driver, ready: bool | None, written: int
    ) -> None:
        await launch(DIAMOND)
        assert await self._forgotten(driver, ready=ready) == written
        assert len(await driver.messages()) == 1 + written


class TestCancel:
    async def test_queued_jobs_are_cancelled_at_once(self, launch: Launch, driver: Driver) -> None:
        execution_id = await launch(DIAMOND)
        await driver.cancel(execution_id)
        assert set((await driver.statuses(execution_id)).values()) <= {"cancelled", "skipped"}
        assert (await driver.execution(execution_id)).status == ExecutionStatus.CANCELLED

    async def test_a_running_job_is_told_and_the_execution_ends_with_it(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        await driver.cancel(execution_id)
        job = (await driver.jobs(execution_id))["a"]
        assert (job.status, job.cancel_level) == ("cancelling", 1)
        assert await driver.finish(claimed, JobStatus.CANCELLED)
        assert (await driver.execution(execution_id)).status == ExecutionStatus.CANCELLED

    async def test_an_ended_execution_cannot_be_cancelled(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        await driver.cancel(execution_id)
        with pytest.raises(ExecutionFinished):
            await driver.cancel(execution_id)


class TestRerun:
    async def test_failed_jobs_run_again_and_the_others_keep_their_outputs(
        self, launch: Launch, driver: Driver
    ) -> None:
        execution_id = await launch(DIAMOND)
        await driver.run(execution_id, "a", v="7")
        await driver.run(execution_id, "b", JobStatus.FAILURE)
        await driver.run(execution_id, "c")
        rerun = await rerun_execution(
            driver.database, execution_id=execution_id, what="failed", max_worker_lost=2
        )
        assert (rerun.number, rerun.attempt) == (1, 2)
        assert await driver.statuses(execution_id) == {
            "a": "success",
            "b": "queued",
            "c": "success",
            "d": "blocked",
        }
        await driver.run(execution_id, "b")
        await driver.run(execution_id, "d")
        execution = await driver.execution(execution_id)
        assert (execution.status, execution.attempt) == (ExecutionStatus.SUCCESS, 2)

    async def test_nothing_failed_conflicts(self, launch: Launch, driver: Driver) -> None:
        execution_id = await launch("steps: [{run: 'true'}]")
        (key,) = await driver.jobs(execution_id)
        await driver.run(execution_id, key)
        with pytest.raises(NothingToRerun):
            await rerun_execution(
                driver.database, execution_id=execution_id, what="failed", max_worker_lost=2
            )


class TestManyAtOnce:
    async def test_each_of_many_jobs_changes_in_columns_of_its_own(
        self, launch: Launch, driver: Driver
    ) -> None:
        # Some are queued, some skipped, some wait for others: more than one statement takes.
        wide = ['jobs: {a: {runs-on: ubuntu-latest, steps: [{run: "true"}]}']
        for number in range(20):
            condition = ", if: false" if number % 3 == 0 else ""
            steps = 'runs-on: ubuntu-latest, steps: [{run: "true"}]'
            wide.append(f", j{number}: {{needs: a{condition}, {steps}}}")
        execution_id = await launch("".join([*wide, "}"]))
        claimed = await driver.claim(execution_id, "a")
        assert claimed is not None
        assert await driver.finish(claimed)
        jobs = await driver.jobs(execution_id)
        for number in range(20):
            job = jobs[f"j{number}"]
            skipped = number % 3 == 0
            assert job.status == ("skipped" if skipped else "queued")
            assert (job.queued_at is None) == skipped
            assert (job.finished_at is None) != skipped
