"""Claims, leases, cancels and hand-backs of the jobs that one process runs."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from sqlalchemy import select, update

from app.core.clock import db_now, new_id
from app.core.db import Database
from app.engine.states import JobStatus
from app.events import LocalBus, bind, topics
from app.executions.continuing import Continuation
from app.executions.models import Job
from app.executions.service.claim import Claimed
from app.jobs.catalog import RunJob
from tests.executions.driver import Driver
from tests.jobs.rabbit import Proxy
from tests.polling import until
from workers import running as running_module
from workers.runner.database import ClaimHolder
from workers.runner.ports import CancelSignal, JobResult, Replaced
from workers.running import NotBegun, RunningJobs

Launch = Callable[..., Awaitable[uuid.UUID]]
ONE_JOB = "steps:\n  - run: 'true'\n"
CHAIN = (
    "jobs:\n"
    "  a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}\n"
    "  b: {runs-on: ubuntu-latest, needs: a, steps: [{run: 'true'}]}\n"
    "  c: {runs-on: ubuntu-latest, needs: b, steps: [{run: 'true'}]}\n"
)
PROTECTED = (
    "jobs:\n  deploy:\n    runs-on: any\n    environment: production\n"
    "    steps:\n      - run: 'true'\n"
)


ON_A_SERVER = pytest.mark.parametrize("database_under_test", ["mysql"], indirect=True)
"""SQLite is a file: there is nothing between it and its user that could be cut."""


class Bench:
    """Runs a job until the test says how it ends, or its signal says that it must."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.begun: list[Claimed] = []
        self.signals: list[CancelSignal] = []
        self.replaced: list[uuid.UUID] = []
        self.may_end = asyncio.Event()

    async def __call__(
        self, claimed: Claimed, signal: CancelSignal, continuation: Continuation
    ) -> Claimed | None:
        self.begun.append(claimed)
        self.signals.append(signal)
        while not (self.may_end.is_set() or signal.requested):  # noqa: ASYNC110  either may come
            await asyncio.sleep(0.005)
        holder = ClaimHolder(self.database, claimed, max_worker_lost=2, continuation=continuation)
        if signal.handing_back:
            result = JobResult(JobStatus.CANCELLED, handed_back=True)
        elif signal.requested:
            result = JobResult(JobStatus.CANCELLED, signal.reason)
        else:
            result = JobResult(JobStatus.SUCCESS)
        try:
            await holder.finish(result)
        except Replaced:
            self.replaced.append(claimed.token)
        return holder.next


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


def process(database: Database, bench: Bench, *, lease_s: float = 20.0) -> RunningJobs:
    return RunningJobs(database, bench, worker_id=new_id(), lease_s=lease_s, renew_s=0.05)


@asynccontextmanager
async def background(*works: Awaitable[None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=1)


async def only_job(driver: Driver, execution_id: uuid.UUID) -> Job:
    (job,) = (await driver.jobs(execution_id)).values()
    return job


async def hint(driver: Driver, execution_id: uuid.UUID) -> RunJob:
    job = await only_job(driver, execution_id)
    return RunJob(job_id=job.id, attempt=job.attempt)


async def lease_is_longer(database: Database, job_id: uuid.UUID, *, than_s: float) -> None:
    """Poll until the lease of a job ends later than in `than_s` seconds."""
    longer = select(Job.id).where(Job.id == job_id, Job.lease_until > db_now(than_s))
    async with asyncio.timeout(20):
        while True:
            async with database.read() as session:
                if await session.scalar(longer) is not None:
                    return
            await asyncio.sleep(0.01)


class TestClaim:
    async def test_the_same_hint_many_times_in_two_processes_runs_the_job_once(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        bench.may_end.set()
        processes = [process(database, bench) for _ in range(2)]
        await asyncio.gather(*(each.run(message) for each in processes for _ in range(10)))
        assert len(bench.begun) == 1
        assert await driver.statuses(execution) == {bench.begun[0].key: "success"}

    async def test_a_hint_at_an_earlier_attempt_does_nothing(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, await launch(ONE_JOB))
        await process(database, bench).run(RunJob(job_id=message.job_id, attempt=2))
        assert bench.begun == []

    async def test_the_jobs_that_follow_are_run_without_a_message(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        execution = await launch(CHAIN)
        first = (await driver.jobs(execution))["a"]
        bench.may_end.set()
        running = process(database, bench)
        asked: list[tuple[str, int]] = []

        def accepts(queue: str, busy: int) -> bool:
            asked.append((queue, busy))
            return True

        running.accepts = accepts
        await running.run(RunJob(job_id=first.id, attempt=1))
        assert [claimed.key for claimed in bench.begun] == ["a", "b", "c"]
        assert set(asked) == {("high_priority", 1)}
        assert set((await driver.statuses(execution)).values()) == {"success"}

    async def test_no_job_follows_in_a_process_that_ends(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        execution = await launch(CHAIN)
        first = (await driver.jobs(execution))["a"]
        running = process(database, bench)
        running.accepts = lambda _queue, _busy: True
        async with background(running.run(RunJob(job_id=first.id, attempt=1))):
            await until(lambda: len(bench.begun) == 1)
            async with background(running.drain(20)):
                await until(lambda: running.is_draining)
                bench.may_end.set()
                await until(lambda: len(running) == 0)
        assert await driver.statuses(execution) == {"a": "success", "b": "queued", "c": "blocked"}

    @ON_A_SERVER
    async def test_waits_while_the_database_is_away(
        self, database_proxy: Proxy, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        bench.may_end.set()
        away = Database(database_proxy.url)
        database_proxy.close()
        async with background(process(away, bench).run(message)) as (running,):
            await asyncio.sleep(0.3)
            assert (bench.begun, running.done()) == ([], False)
            database_proxy.open()
            await running
        assert list((await driver.statuses(execution)).values()) == ["success"]
        await away.close()


class TestLease:
    async def test_is_renewed_as_long_as_the_job_runs(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        async with background(jobs.run(message), jobs.renew_forever()):
            await until(lambda: len(bench.begun) == 1)
            async with database.session() as session:
                await session.execute(update(Job).values(lease_until=db_now(1)))
            await lease_is_longer(database, message.job_id, than_s=15)
            bench.may_end.set()
            await until(lambda: len(jobs) == 0)
        assert list((await driver.statuses(execution)).values()) == ["success"]

    async def test_a_job_that_was_taken_away_is_killed_and_writes_nothing(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        async with background(jobs.run(message), jobs.renew_forever()):
            await until(lambda: len(bench.begun) == 1)
            other = new_id()
            async with database.session() as session:
                await session.execute(update(Job).values(claim_token=other))
            await until(lambda: len(jobs) == 0)
        assert bench.signals[0].forced
        assert bench.replaced == [bench.begun[0].token]
        job = await only_job(driver, execution)
        assert (str(job.status), job.claim_token) == ("running", other)

    @ON_A_SERVER
    async def test_the_database_away_longer_than_the_lease_kills_nothing(
        self, database_proxy: Proxy, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        away = Database(database_proxy.url)
        bench.database = away
        jobs = process(away, bench, lease_s=1.0)
        async with background(jobs.run(message), jobs.renew_forever()) as (running, _):
            await until(lambda: len(bench.begun) == 1)
            database_proxy.close()
            await asyncio.sleep(1.3)
            assert not running.done()
            database_proxy.open()
            await lease_is_longer(driver.database, message.job_id, than_s=0)
            bench.may_end.set()
            await running
        assert not bench.signals[0].requested
        job = await only_job(driver, execution)
        assert (str(job.status), job.lost) == ("success", 0)
        await away.close()

    @ON_A_SERVER
    @pytest.mark.parametrize("source", [ONE_JOB, PROTECTED])
    async def test_only_what_must_be_alone_is_killed_when_renewal_fails_too_long(
        self,
        database_proxy: Proxy,
        bench: Bench,
        driver: Driver,
        launch: Launch,
        monkeypatch: pytest.MonkeyPatch,
        source: str,
    ) -> None:
        monkeypatch.setattr(running_module, "UNRENEWED_LIMIT_S", 0.2)
        execution = await launch(source)
        await driver.deliver()
        message = await hint(driver, execution)
        away = Database(database_proxy.url)
        jobs = process(away, bench)
        async with background(jobs.run(message)) as (running,):
            await until(lambda: len(bench.begun) == 1)
            database_proxy.close()
            await asyncio.sleep(0.25)
            assert await jobs.renew() is False
            assert bench.signals[0].forced is (source == PROTECTED)
            bench.may_end.set()
            await running
        await away.close()


@contextmanager
def heard(database: Database) -> Iterator[LocalBus]:
    bus = LocalBus()
    bind(bus, database)
    yield bus


class TestCancel:
    async def test_is_heard_over_the_bus_without_a_renewal(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        with heard(database) as bus:
            await bus.subscribe(topics.CANCELS, jobs.hear_cancel)
            async with background(jobs.run(message)) as (running,):
                await until(lambda: len(bench.begun) == 1)
                await driver.cancel(execution)
                async with asyncio.timeout(20):
                    await running
        assert (bench.signals[0].requested, bench.signals[0].forced) == (True, False)
        assert list((await driver.statuses(execution)).values()) == ["cancelled"]

    async def test_a_lost_event_is_learnt_at_the_renewal_and_said_once(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        async with background(jobs.run(message)) as (running,):
            await until(lambda: len(bench.begun) == 1)
            await driver.cancel(execution)
            for _ in range(3):
                assert await jobs.renew()
            # A second request would mean to kill.
            assert (bench.signals[0].requested, bench.signals[0].forced) == (True, False)
            await running


class TestDrain:
    async def test_running_jobs_may_end(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        async with background(jobs.run(message)):
            await until(lambda: len(bench.begun) == 1)
            async with background(jobs.drain(30)) as (draining,):
                await asyncio.sleep(0.05)
                assert not draining.done()
                bench.may_end.set()
                await draining
        assert list((await driver.statuses(execution)).values()) == ["success"]

    async def test_what_does_not_end_in_time_goes_back_to_the_queue_and_is_not_lost(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        async with background(jobs.run(message)):
            await until(lambda: len(bench.begun) == 1)
            await jobs.drain(0.05)
        job = await only_job(driver, execution)
        assert (str(job.status), job.lost) == ("queued", 0)
        again = [row.body for row in await driver.messages() if row.kind == RunJob.wire]
        assert {"job_id": str(job.id), "attempt": job.attempt} in again

    async def test_a_draining_process_begins_nothing(
        self, database: Database, bench: Bench, driver: Driver, launch: Launch
    ) -> None:
        message = await hint(driver, execution := await launch(ONE_JOB))
        jobs = process(database, bench)
        await jobs.drain(0)
        with pytest.raises(NotBegun):
            await jobs.run(message)
        assert list((await driver.statuses(execution)).values()) == ["queued"]
