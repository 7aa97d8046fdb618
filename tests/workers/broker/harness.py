"""A worker process with actors of the test, over real queues."""

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from app.core.clock import new_id
from app.events import LocalBus
from app.jobs.catalog import Message, PassGate, RunJob
from app.jobs.outbox import Outgoing
from app.jobs.publisher import RabbitPublisher
from app.settings import Settings
from tests.jobs.rabbit import Rabbit
from workers.actors import ACTORS, Actor
from workers.broker import RabbitBroker
from workers.parts import describe, open_parts
from workers.process import WorkerProcess


@dataclass
class Seen:
    """What an actor was given, by job id."""

    jobs: list[uuid.UUID] = field(default_factory=list)

    async def __call__(self, _context: Any, message: RunJob | PassGate) -> None:
        self.jobs.append(message.job_id)


@dataclass
class Gate:
    """An actor that notes its job and then waits until the test lets it go."""

    jobs: list[uuid.UUID] = field(default_factory=list)
    done: list[uuid.UUID] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, _context: Any, message: RunJob) -> None:
        self.jobs.append(message.job_id)
        while not self.opened.is_set():  # noqa: ASYNC110  opened by the test's thread
            await asyncio.sleep(0.005)
        self.done.append(message.job_id)


Perform = Callable[[Any, Any], Awaitable[None]]


@contextmanager
def worker(
    rabbit: Rabbit,
    settings: Settings,
    actors: dict[type[Message], Actor[Any]],
    *,
    url: str | None = None,
    threads: int = 2,
) -> Iterator[WorkerProcess]:
    """A worker of the high and the medium queue; stopped at the end if the test did not."""

    async def open_bus(_stack: object) -> LocalBus:
        return LocalBus()

    def broker(middleware: list[Middleware]) -> Broker:
        return RabbitBroker(url or rabbit.url, middleware=middleware, prefix=rabbit.prefix)

    async def run_nothing(*_arguments: object) -> NoReturn:
        raise AssertionError("no test of the broker claims a job")

    process = WorkerProcess(
        lambda: open_parts(
            settings,
            description=describe(settings, new_id(), isolation="none"),
            open_bus=open_bus,
            publisher=lambda: RabbitPublisher(rabbit.url, prefix=rabbit.prefix),
            execute=lambda _database, _offset: run_nothing,
        ),
        broker=broker,
        threads={"high_priority": threads, "medium_priority": threads},
        prefix=rabbit.prefix,
        actors={**ACTORS, **actors},
    )
    process.start()
    try:
        yield process
    finally:
        if process.is_running:
            process.stop(drain_s=5)


async def publish(rabbit: Rabbit, messages: Sequence[Message], *, queue: str) -> None:
    """Put messages on a queue, as the relay does."""
    publisher = RabbitPublisher(rabbit.url, prefix=rabbit.prefix)
    outgoing = [Outgoing(new_id(), each.wire, queue, each.body()) for each in messages]
    assert await publisher.publish(outgoing) == {each.id for each in outgoing}
    await publisher.close()
