"""The event loop of a worker process, and the way from an actor's thread to it.

Dramatiq calls actors in threads; all they do is hand a coroutine to this loop and wait. The loop is
plain asyncio: it starts processes three times faster than uvloop.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from dramatiq.actor import Actor as DramatiqActor
from dramatiq.broker import Broker

from app.core.clock import utcnow
from app.core.db import AsyncSession
from app.core.errors import Unavailable
from app.core.logging import logger
from app.jobs.catalog import Message
from app.jobs.outbox import Outgoing, enqueue_rows
from app.jobs.queues import queue_for
from workers.actors import ACTORS, Actor
from workers.actors.actor import Context
from workers.running import NotBegun

log = logger(__name__)
T = TypeVar("T")

_ORDER = {"control": 0, "high": 1, "medium": 2, "low": 3}


class Stopped(RuntimeError):
    """The loop of this worker has ended; nothing can be run on it."""


class Parts(Context, Protocol):
    """What lives on the loop."""

    async def run(self) -> None:
        """Work in the background until cancelled."""
        ...


class Runtime:
    """One event loop in a thread of its own.

    Parameters: `parts` opens what lives on the loop, and closes it; it is entered on the loop.
    `on_death` is called in the loop's thread when the loop ends and nobody has asked for it.
    """

    def __init__(
        self,
        parts: Callable[[], AbstractAsyncContextManager[Parts]],
        *,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        self._open = parts
        self.on_death = on_death
        self._opened: concurrent.futures.Future[Parts] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="ansflow-worker-loop")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def start(self) -> Parts:
        """Start the loop; returns when its parts are open.

        Raises: what opening them raises.
        """
        self._thread.start()
        try:
            return self._opened.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """Close the parts and end the thread."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it; for other threads.

        Raises: what the coroutine raises; Stopped when the loop has ended.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            work.close()
            raise Stopped("the worker has stopped")
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have `call` run on the loop, without waiting for it."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    @property
    def parts(self) -> Parts:
        """What `start` returned."""
        return self._opened.result(timeout=0)

    def repeat(self, message: Outgoing, delay: timedelta) -> bool:
        """Write a message to the outbox that is due after `delay`; False: the worker stops."""
        try:
            return self.call(self._repeat(message, delay))
        except Stopped:
            return False

    async def _repeat(self, message: Outgoing, delay: timedelta) -> bool:
        parts = self.parts

        async def write(session: AsyncSession) -> None:
            due = utcnow() + parts.jobs.clock_offset + delay
            await enqueue_rows(session, [(message, due)])

        while not parts.jobs.is_draining:
            try:
                await parts.database.transact(write)
            except Unavailable:
                await asyncio.sleep(1.0)
            else:
                return True
        return False

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                self._loop = runner.get_loop()
                runner.run(self._main())
        finally:
            if not self._stopping.is_set():
                self.on_death()

    async def _main(self) -> None:
        try:
            async with self._open() as parts:
                work = asyncio.create_task(parts.run())
                self._opened.set_result(parts)
                ending = asyncio.create_task(self._stopping.wait())
                try:
                    await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await end_tasks(work, ending)
        except BaseException as error:
            if self._opened.done():
                log.exception("worker_loop_failed")
                raise
            self._opened.set_exception(error)


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they are done: a library may swallow one cancellation.

    Nothing stops this half-way: a task that goes on after its database is closed holds locks.
    """
    is_cancelled = False
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=1.0)
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError


async def keep(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` for ever: a bug in one round must not end the leases of all jobs."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background_work_failed", work=name)
        await asyncio.sleep(1.0)


def bind(
    broker: Broker,
    runtime: Runtime,
    *,
    prefix: str = "",
    actors: Mapping[type[Message], Actor[Any]] = ACTORS,
) -> None:
    """Declare these actors on the broker: one for every message of the catalogue."""
    for message, actor in actors.items():
        _declare(broker, runtime, message, actor, prefix=prefix)


def _declare(
    broker: Broker, runtime: Runtime, kind: type[Message], actor: Actor[Any], *, prefix: str
) -> None:
    def perform(**body: Any) -> None:
        message = kind.from_body(body)
        runtime.call(_perform(runtime, actor, message))

    DramatiqActor(
        perform,
        broker=broker,
        actor_name=kind.wire,
        queue_name=prefix + queue_for(kind.priority),
        priority=_ORDER[kind.priority],
        options={
            "max_retries": actor.max_retries,
            "backoff_s": actor.backoff_s,
            # Dramatiq writes no error about it.
            "throws": NotBegun,
        },
    )


async def _perform(runtime: Runtime, actor: Actor[Any], message: Message) -> None:
    await actor.perform(runtime.parts, message)
