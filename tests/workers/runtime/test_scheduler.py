"""Sweeps: what is done about lost workers, lost messages and lost releases."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import delete, update

from app.core.clock import db_now
from app.core.db import Database
from app.core.errors import Unavailable
from app.executions.models import Job
from app.jobs.depths import Depth, RabbitDepths
from app.jobs.models import OutboxRow
from app.jobs.publisher import RabbitPublisher
from app.jobs.relay import Relay
from app.settings import Settings
from tests.executions.driver import Driver
from tests.jobs.rabbit import Proxy, Rabbit
from workers.scheduler import Scheduler

Launch = Callable[..., Awaitable[uuid.UUID]]
ONE_JOB = "steps:\n  - run: 'true'\n"


class Queues:
    """Depths as the test says; None means that they cannot be asked."""

    def __init__(self, ready: int | None = 0) -> None:
        self.ready = ready

    async def of(self, queues: Iterable[str]) -> Mapping[str, Depth]:
        if self.ready is None:
            raise Unavailable("away")
        return {queue: Depth(ready=self.ready, consumers=1) for queue in queues}

    async def close(self) -> None: ...


def settings(**worker: Any) -> Settings:
    return Settings(_env_file=None, worker=worker)


@pytest.fixture
def short() -> Settings:
    """Leases of one second."""
    return settings(lease_s=1.0)


async def purge_outbox(database: Database) -> None:
    async with database.session() as session:
        await session.execute(delete(OutboxRow))


async def let_jobs(database: Database, **values: Any) -> None:
    async with database.session() as session:
        await session.execute(update(Job).values(**values))


class TestLostClaims:
    async def test_an_expired_lease_is_taken_but_not_in_the_first_lease_after_the_start(
        self, database: Database, driver: Driver, launch: Launch, short: Settings
    ) -> None:
        execution = await launch(ONE_JOB)
        (key,) = await driver.statuses(execution)
        await driver.claim(execution, key, lease_s=-30)
        scheduler = Scheduler(short, database, Queues())
        await scheduler.sweep()
        assert await driver.statuses(execution) == {key: "running"}
        await asyncio.sleep(1.1)
        await scheduler.sweep()
        job = (await driver.jobs(execution))[key]
        assert (str(job.status), job.attempt, job.lost) == ("queued", 2, 1)

    async def test_two_schedulers_take_it_once(
        self, database: Database, driver: Driver, launch: Launch, short: Settings
    ) -> None:
        execution = await launch(ONE_JOB)
        (key,) = await driver.statuses(execution)
        await driver.claim(execution, key, lease_s=-30)
        schedulers = [Scheduler(short, database, Queues()) for _ in range(2)]
        await asyncio.sleep(1.1)
        await asyncio.gather(*(each.sweep() for each in schedulers))
        assert (await driver.jobs(execution))[key].attempt == 2

    @pytest.mark.parametrize("database_under_test", ["mysql"], indirect=True)
    async def test_after_a_failed_statement_nobody_is_judged_for_a_lease(
        self, database_proxy: Proxy, driver: Driver, launch: Launch
    ) -> None:
        execution = await launch(ONE_JOB)
        (key,) = await driver.statuses(execution)
        cut = Database(database_proxy.url)
        own = settings(lease_s=1.0).model_copy(deep=True)
        own.scheduler.sweep_s = 0.05
        sweeping = asyncio.create_task(Scheduler(own, cut, Queues()).run())
        await asyncio.sleep(1.2)
        database_proxy.close()
        # No worker can renew now; this lease ends while the database is away.
        await driver.claim(execution, key, lease_s=0.2)
        await asyncio.sleep(0.5)
        database_proxy.open()
        await asyncio.sleep(0.5)
        assert await driver.statuses(execution) == {key: "running"}
        async with asyncio.timeout(20):
            while await driver.statuses(execution) == {key: "running"}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        while not sweeping.done():
            sweeping.cancel()
            await asyncio.wait({sweeping}, timeout=1)
        await cut.close()


class TestLostMessages:
    async def test_a_job_without_message_gets_a_new_one_and_is_then_left_alone(
        self, database: Database, driver: Driver, launch: Launch, short: Settings
    ) -> None:
        execution = await launch(ONE_JOB)
        await purge_outbox(database)
        scheduler = Scheduler(short, database, Queues(ready=0))
        await scheduler.sweep()
        assert await driver.messages() == []  # 60 s are not over
        await let_jobs(database, sweep_after=db_now(-1), queued_at=db_now(-61))
        for _ in range(2):
            await scheduler.sweep()
        (row,) = await driver.messages()
        (job,) = (await driver.jobs(execution)).values()
        assert (row.kind, row.body) == ("job.run", {"job_id": str(job.id), "attempt": 1})

    @pytest.mark.parametrize("ready", [1, None], ids=["waiting", "unknown"])
    async def test_nothing_is_sent_again_while_messages_wait_or_nobody_knows(
        self,
        database: Database,
        driver: Driver,
        launch: Launch,
        short: Settings,
        ready: int | None,
    ) -> None:
        await launch(ONE_JOB)
        await purge_outbox(database)
        await let_jobs(database, sweep_after=db_now(-1), queued_at=db_now(-61))
        await Scheduler(short, database, Queues(ready=ready)).sweep()
        assert await driver.messages() == []

    async def test_a_job_that_nobody_takes_for_a_day_fails_with_the_reason(
        self, database: Database, driver: Driver, launch: Launch, short: Settings
    ) -> None:
        execution = await launch(ONE_JOB)
        await let_jobs(database, sweep_after=db_now(-1), queued_at=db_now(-25 * 3600))
        await Scheduler(short, database, Queues()).sweep()
        (job,) = (await driver.jobs(execution)).values()
        assert str(job.status) == "failure"
        assert job.reason is not None
        assert "no_worker" in job.reason

    async def test_after_a_purge_every_job_has_a_message_again(
        self,
        database: Database,
        rabbit: Rabbit,
        driver: Driver,
        launch: Launch,
        short: Settings,
    ) -> None:
        publisher = RabbitPublisher(rabbit.url, prefix=rabbit.prefix)
        depths = RabbitDepths(rabbit.url, prefix=rabbit.prefix)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(publisher.close)
            stack.push_async_callback(depths.close)
            relaying = asyncio.create_task(Relay(database, publisher, poll_s=0.05).run())
            for _ in range(5):
                await launch(ONE_JOB)
            await _ready(rabbit, 5)
            await asyncio.to_thread(rabbit.purge, "high_priority")
            await let_jobs(database, sweep_after=db_now(-1), queued_at=db_now(-61))
            scheduler = Scheduler(short, database, depths)
            await scheduler.sweep()
            await _ready(rabbit, 5)
            relaying.cancel()
            await asyncio.wait({relaying})


async def _ready(rabbit: Rabbit, count: int) -> None:
    async with asyncio.timeout(20):
        while await asyncio.to_thread(_count, rabbit) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _count(rabbit: Rabbit) -> int:
    with rabbit.channel() as channel:
        from_queue = channel.queue_declare
        try:
            found = from_queue(rabbit.prefix + "high_priority", passive=True)
        except Exception:  # noqa: BLE001  it does not exist yet
            return -1
        return int(found.method.message_count)


class TestGroups:
    async def test_a_waiter_whose_release_was_lost_is_admitted(
        self, database: Database, driver: Driver, launch: Launch, short: Settings
    ) -> None:
        source = "concurrency: one\nsteps:\n  - run: 'true'\n"
        first = await launch(source)
        project = (await driver.execution(first)).pipeline_id
        second = await driver.start(project)
        assert str((await driver.execution(second)).status) == "waiting"
        (key,) = await driver.statuses(first)
        await driver.run(first, key)
        await purge_outbox(database)
        await Scheduler(short, database, Queues()).sweep()
        assert list((await driver.statuses(second)).values()) == ["queued"]
