"""`ansflow scheduler`: sweeps. Any number of replicas may run; none is needed twice."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from app.approvals.service import sweeping
from app.configuration.service import global_settings
from app.core.clock import new_id
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.events import bind
from app.executions.service import gates, sweeps
from app.jobs.depths import Depths, RabbitDepths
from app.jobs.relay import Relay
from app.settings import Settings
from workers.connections import open_redis_bus, rabbit_publisher, rabbit_url
from workers.metrics import exposed
from workers.parts import open_database
from workers.runtime import end_tasks, keep
from workers.timetable import Timetable

log = logger(__name__)


class Scheduler:
    """Looks every few seconds for lost workers, lost messages and stuck groups.

    It judges nothing for one full lease after its own start and after a failed statement: when the
    database was away, no worker could renew, and all of them must get the chance first.
    """

    def __init__(self, settings: Settings, database: Database, depths: Depths) -> None:
        self._settings = settings
        self._database = database
        self._depths = depths
        self._judges_from = time.monotonic() + settings.worker.lease_s

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except Unavailable as error:
                self._judges_from = time.monotonic() + self._settings.worker.lease_s
                log.warning("sweep_failed", error=error.detail)
            await asyncio.sleep(self._settings.scheduler.sweep_s)

    async def sweep(self) -> None:
        """Look once.

        Raises: Unavailable when the database is away.
        """
        lost_limit = self._settings.worker.max_worker_lost
        await gates.admit_stuck(self._database, max_worker_lost=lost_limit)
        written = await sweeps.requeue_forgotten(
            self._database,
            has_ready_message=self._has_ready_message,
            queued_after_s=self._settings.scheduler.queued_after_s,
            no_worker_after_s=self._settings.scheduler.no_worker_after_s,
            max_worker_lost=lost_limit,
        )
        taken = 0
        if time.monotonic() >= self._judges_from:
            taken = await sweeps.take_lost_claims(self._database, max_worker_lost=lost_limit)
        chosen = await global_settings(self._database, self._settings)
        await sweeping.look_again(
            self._database, max_worker_lost=lost_limit, expires_after=chosen.approval_expiry
        )
        if written or taken:
            log.info("swept", messages_written=written, claims_taken=taken)

    async def _has_ready_message(self, queue: str) -> bool | None:
        try:
            depths = await self._depths.of([queue])
        except Unavailable:
            return None
        return queue in depths and depths[queue].ready > 0


@asynccontextmanager
async def open_scheduler(settings: Settings) -> AsyncIterator[tuple[Scheduler, Timetable, Relay]]:
    """A scheduler over the configured servers, with a relay of its own."""
    async with AsyncExitStack() as stack:
        database = open_database(settings)
        stack.push_async_callback(database.close)
        bind(await open_redis_bus(settings, stack), database)
        publisher = rabbit_publisher(settings)
        stack.push_async_callback(publisher.close)
        depths = RabbitDepths(rabbit_url(settings), prefix=settings.rabbitmq.prefix)
        stack.push_async_callback(depths.close)
        timetable = Timetable(settings, database)
        yield Scheduler(settings, database, depths), timetable, Relay(database, publisher, new_id())


def run_scheduler(settings: Settings) -> None:
    """Sweep and relay until TERM or INT.

    Raises: ValueError when the port for metrics is taken.
    """
    with exposed(settings):
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    async with open_scheduler(settings) as (scheduler, timetable, relay):
        works = (scheduler.run, timetable.run, relay.run)
        tasks = [asyncio.create_task(keep(work.__qualname__, work)) for work in works]
        log.info("scheduler_started")
        with contextlib.suppress(asyncio.CancelledError):
            await ending.wait()
        await end_tasks(*tasks)
    log.info("scheduler_stopped")
