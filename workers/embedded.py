"""The embedded mode: worker and scheduler inside the server process, over one SQLite file.

It is the same worker. Its loop is a thread of its own beside the server's; messages, events and
Redis stay inside the process; the outbox and the database survive it.
"""

import fcntl
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import fakeredis
from dramatiq import Message
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from app.core.clock import new_id
from app.core.db import Database
from app.core.logging import logger
from app.events import EventBus, LocalBus
from app.executions.service.sweeps import take_claims_of_others
from app.jobs.dead_letters import DeadLetter, read, renewed
from app.jobs.depths import Depth
from app.jobs.publisher import LocalPublisher
from app.jobs.queues import queue_for
from app.jobs.repository import OutboxRepository
from app.settings import Settings
from workers.execution import JobMachinery, job_execution, open_data_folder
from workers.local_broker import LocalBroker
from workers.parts import describe, open_parts
from workers.process import WorkerProcess
from workers.scheduler import Scheduler
from workers.timetable import Timetable

log = logger(__name__)


class DataFolderInUse(Exception):
    """Another server works on this data folder."""


class FolderLock:
    """Held by the one server of a data folder; freed by the system if it dies."""

    def __init__(self, folder: Path) -> None:
        self._path = open_data_folder(folder) / "server.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises: DataFolderInUse.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise DataFolderInUse(
                f"The data folder {self._path.parent} is in use by another AnsFlow server "
                f"(process {holder}). Stop it, or set ANSFLOW_DATA__FOLDER to another folder."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class LocalDepths:
    """See `app.jobs.depths.Depths`: the queues of this process."""

    def __init__(self, broker: Callable[[], LocalBroker | None]) -> None:
        self._broker = broker

    async def of(self, queues: Iterable[str]) -> Mapping[str, Depth]:
        broker = self._broker()
        if broker is None:
            return {}
        found = {queue: broker.depth(queue) for queue in queues}
        return {
            queue: Depth(ready=ready, consumers=int(broker.is_consumed(queue)))
            for queue, ready in found.items()
            if ready is not None
        }

    async def close(self) -> None:
        """Nothing is open."""


class LocalDeadLetters:
    """See `app.jobs.dead_letters.DeadLetters`: what this process has given up.

    It is still in the outbox, so that the next start tries it again.
    """

    def __init__(self, broker: Callable[[], LocalBroker | None], publisher: LocalPublisher) -> None:
        self._broker = broker
        self._publisher = publisher

    async def oldest(self, queue: str, *, limit: int) -> list[DeadLetter]:
        found = self._of(queue)[:limit]
        return [read(each.encode(), fallback_id=each.message_id) for each in found]

    async def count(self, queue: str) -> int:
        return len(self._of(queue))

    async def requeue(self, queue: str, ids: Collection[str] | None) -> int:
        taken = self._take(queue, ids)
        for each in taken:
            self._required().deliver(queue, renewed(each.encode()))
        return len(taken)

    async def purge(self, queue: str, ids: Collection[str] | None) -> int:
        taken = self._take(queue, ids)
        for each in taken:
            self._publisher.answered(uuid.UUID(each.message_id))
        return len(taken)

    def _of(self, queue: str) -> list[Message[Any]]:
        broker = self._broker()
        return [] if broker is None else broker.dead_letters(queue)

    def _take(self, queue: str, ids: Collection[str] | None) -> list[Message[Any]]:
        wanted = [each for each in self._of(queue) if ids is None or each.message_id in ids]
        # Whoever removes it is the one who moves it.
        broker = self._required() if wanted else None
        return [each for each in wanted if broker and broker.take_dead_letter(each.message_id)]

    def _required(self) -> LocalBroker:
        broker = self._broker()
        assert broker is not None, "it has given something up"
        return broker


class EmbeddedWorker:
    """The worker of a server process, which shares `publisher`, `bus`, `redis_server`, `depths`.

    Parameters: `settings` of the embedded mode; `secrets` are given to every job; `takes_all`
    says that jobs run here whatever labels they ask for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        secrets: Mapping[str, str] = MappingProxyType({}),
        takes_all: bool = False,
    ) -> None:
        self._settings = settings
        self._takes_all = takes_all
        self._secrets = dict(secrets)
        self._worker_id = new_id()
        self._lock = FolderLock(settings.data.folder)
        self._machinery: JobMachinery | None = None
        self._process: WorkerProcess | None = None
        self._broker: LocalBroker | None = None
        self.bus = LocalBus()
        self.redis_server = fakeredis.FakeServer()
        self.publisher = LocalPublisher(self._deliver)
        self.depths = LocalDepths(lambda: self._broker)
        self.dead_letters = LocalDeadLetters(lambda: self._broker, self.publisher)

    def start(self, *, prepare: Callable[[], None] | None = None) -> None:
        """Take over the data folder and begin to work.

        Parameters: `prepare` runs once the folder is ours, before anything uses the database: the
        place for migrations.
        Raises: DataFolderInUse; CannotStart or RuntimeError when jobs cannot be run here.
        """
        self._lock.acquire()
        try:
            if prepare is not None:
                prepare()
            self._machinery = JobMachinery(self._settings, self._worker_id)
            # What an earlier server left is gone once the guard runs; only then are its claims
            # taken from it.
            self._machinery.start()
            process = self._build(self._machinery)
            process.start()
            self._process = process
        except BaseException:
            self._close()
            raise

    def stop(self, *, drain_s: float | None = None) -> None:
        """End in good order. Running jobs get `drain_s` seconds (None: as configured), then go
        back to the queue for the next start."""
        process, self._process = self._process, None
        try:
            if process is not None:
                limit_s = self._settings.worker.drain_s if drain_s is None else drain_s
                process.stop(drain_s=limit_s)
        finally:
            self._close()

    def hurry(self) -> None:
        """Hand running jobs back at once while another thread is in `stop`."""
        if self._process is not None:
            self._process.hurry()

    def _deliver(self, queue: str, encoded: bytes) -> None:
        assert self._broker is not None
        self._broker.deliver(queue, encoded)

    def _close(self) -> None:
        if self._machinery is not None:
            self._machinery.close()
            self._machinery = None
        self._lock.release()

    def _build(self, machinery: JobMachinery) -> WorkerProcess:
        settings = self._settings
        description = describe(settings, self._worker_id, isolation=machinery.isolation)
        concurrency = settings.worker.concurrency
        return WorkerProcess(
            lambda: open_parts(
                settings,
                description=description,
                open_bus=self._open_bus,
                publisher=lambda: self.publisher,
                before=self._take_over,
                execute=lambda database, offset: job_execution(
                    settings,
                    database,
                    machinery.executor,
                    name=description.name,
                    clock_offset=offset,
                    secrets=self._secrets,
                ),
                background=lambda database: (
                    machinery.guard.beat,
                    Scheduler(settings, database, self.depths).run,
                    Timetable(settings, database).run,
                ),
            ),
            broker=self._build_broker,
            threads={
                queue_for("high"): concurrency,
                queue_for("medium"): max(2, concurrency // 2),
                queue_for("low"): 1,
            },
        )

    def _build_broker(self, middleware: list[Middleware]) -> Broker:
        self._broker = LocalBroker(
            middleware=middleware,
            answered=self.publisher.answered,
            unconsumed=self._hear_of_queue,
        )
        return self._broker

    def _hear_of_queue(self, queue: str) -> None:
        """A job waits in a queue that is not consumed: in any thread."""
        if self._takes_all:
            assert self._broker is not None
            self._broker.declare_queue(queue)
        elif self._process is not None:
            self._process.look_for_labels()

    async def _open_bus(self, _stack: AsyncExitStack) -> EventBus:
        return self.bus

    async def _take_over(self, database: Database) -> None:
        """Everything that an earlier process held is free: we have its lock and it is dead."""
        await database.transact(lambda session: OutboxRepository(session).release_all())
        taken = await take_claims_of_others(
            database,
            boot_id=self._worker_id,
            max_worker_lost=self._settings.worker.max_worker_lost,
        )
        if taken:
            log.info("claims_taken_over", jobs=taken)
