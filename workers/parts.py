"""What a worker process holds open: database, events, relay, running jobs, its own row."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version

from app import models
from app.administration.registration import (
    WorkerDescription,
    mark_seen,
    mark_stopped,
    register,
    store_tools,
)
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.events import EventBus, bind, topics
from app.executions.repository.label_queues import label_queues
from app.jobs.publisher import Publisher
from app.jobs.relay import Relay
from app.logs import archive
from app.logs.archive import LogStore
from app.settings import Settings
from workers.running import Execute, RunningJobs
from workers.runtime import end_tasks, keep
from workers.tools import measure_tools

log = logger(__name__)

Work = Callable[[], Awaitable[None]]
"""Something that goes on in the background until it is cancelled."""

_LABELS_EVERY_S = 2.0


@dataclass(slots=True)
class WorkerParts:
    """See `workers.runtime.Parts`. Made by `open_parts`."""

    settings: Settings
    database: Database
    bus: EventBus
    relay: Relay
    jobs: RunningJobs
    description: WorkerDescription
    background: tuple[Work, ...] = ()
    consume: Callable[[str], None] | None = None
    """Has one more queue consumed; set once the consumers run."""
    set_paused: Callable[[bool], None] | None = None
    """Has nothing new taken, or all again; set with `consume`. Blocks."""
    is_paused: bool = False
    wants_tools: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an administrator, or the clock, wants to know which tools are here."""
    wants_labels: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a job came that wants labels, so that its queue is looked at now."""

    @property
    def max_worker_lost(self) -> int:
        """How often a job restarts after its worker died."""
        return self.settings.worker.max_worker_lost

    async def run(self) -> None:
        """Renew, relay and register until cancelled."""
        works = (
            self.relay.run,
            self.jobs.renew_forever,
            self._register_forever,
            self._follow_labels,
            self._look_at_tools,
            *self.background,
        )
        tasks = [asyncio.create_task(keep(work.__qualname__, work)) for work in works]
        try:
            await asyncio.wait(tasks)
        finally:
            await end_tasks(*tasks)

    async def _register_forever(self) -> None:
        is_registered = False
        while True:
            try:
                if is_registered:
                    await self._hear_wishes()
                else:
                    await register(self.database, self.description)
                    is_registered = True
            except Unavailable:
                is_registered = False
            await asyncio.sleep(self.settings.worker.renew_s)

    async def _hear_wishes(self) -> None:
        wishes = await mark_seen(self.database, self.description.id, draining=self.is_paused)
        if wishes.drain != self.is_paused and self.set_paused is not None:
            await asyncio.to_thread(self.set_paused, wishes.drain)
            self.is_paused = wishes.drain
            log.info("worker_draining" if self.is_paused else "worker_resumed")
            await mark_seen(self.database, self.description.id, draining=self.is_paused)
        if wishes.tools:
            self.wants_tools.set()

    async def _look_at_tools(self) -> None:
        while True:
            await self.wants_tools.wait()
            tools = await measure_tools()
            with contextlib.suppress(Unavailable):
                await store_tools(self.database, self.description.id, tools)
            self.wants_tools.clear()

    async def _follow_labels(self) -> None:
        while self.description.labels:
            self.wants_labels.clear()
            try:
                queues = await label_queues(self.database, labels=self.description.labels)
            except Unavailable:
                queues = set()
            for queue in sorted(queues):
                if self.consume is not None:
                    self.consume(queue)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LABELS_EVERY_S):
                    await self.wants_labels.wait()
        await asyncio.Event().wait()


def describe(settings: Settings, worker_id: uuid.UUID, *, isolation: str) -> WorkerDescription:
    """What this process says of itself."""
    host = socket.gethostname()
    return WorkerDescription(
        id=worker_id,
        name=f"{host}-{os.getpid()}",
        host=host,
        pid=os.getpid(),
        version=version("ansflow"),
        queues=settings.worker.queues,
        labels=sorted({label.lower() for label in settings.worker.labels}),
        concurrency=settings.worker.concurrency,
        isolation=isolation,
    )


def open_database(settings: Settings) -> Database:
    """The database of a worker: with enough connections for all of its jobs and the renewal."""
    # Here and now, not in the first job: all models refer to each other.
    models.Base.registry.configure()
    return Database(
        settings.database_url,
        pool_size=max(settings.database.pool_size, min(settings.worker.concurrency, 32) + 4),
        pool_timeout_s=settings.database.pool_timeout_s,
        insert_returning=settings.database.insert_returning,
        # A worker that is frozen in the middle of a transaction would keep others from taking its
        # jobs: at the end of the lease its locks are free.
        idle_s=settings.worker.lease_s,
    )


@asynccontextmanager
async def open_parts(
    settings: Settings,
    *,
    description: WorkerDescription,
    open_bus: Callable[[AsyncExitStack], Awaitable[EventBus]],
    publisher: Callable[[], Publisher],
    execute: Callable[[Database, Callable[[], timedelta]], Execute],
    before: Callable[[Database], Awaitable[None]] | None = None,
    background: Callable[[Database], tuple[Work, ...]] = lambda _database: (),
) -> AsyncIterator[WorkerParts]:
    """Open everything on the current loop; close it in the opposite order.

    Parameters: `open_bus` puts what it opens on the stack; `execute` is given the database and
    the offset of its clock; `before` runs before anything else uses the database; `background` is
    more work that goes on until the end, such as the guard's beats.
    """
    async with AsyncExitStack() as stack:
        database = open_database(settings)
        stack.push_async_callback(database.close)
        archive.attach(database, LogStore(settings.log_archive_url))
        if before is not None:
            await before(database)
        bus = await open_bus(stack)
        bind(bus, database)
        outlet = publisher()
        stack.push_async_callback(outlet.close)
        jobs = RunningJobs(
            database,
            execute(database, lambda: jobs.clock_offset),
            worker_id=description.id,
            lease_s=settings.worker.lease_s,
            renew_s=settings.worker.renew_s,
        )
        await bus.subscribe(topics.CANCELS, jobs.hear_cancel)
        relay = Relay(database, outlet, description.id)
        # Measures the clock, and opens the first connection before the first message comes.
        await jobs.renew()
        yield WorkerParts(settings, database, bus, relay, jobs, description, background(database))
        try:
            await mark_stopped(database, description.id)
        except Unavailable:
            log.info("worker_end_not_written")
