"""One worker process: the loop, the broker and the threads between them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from app.core.logging import logger
from app.jobs.catalog import Message
from app.jobs.queues import CONTROL
from workers.actors import ACTORS, Actor
from workers.middleware import BoundedRetries
from workers.parts import WorkerParts
from workers.pool import PooledWorker
from workers.runtime import Runtime, bind

log = logger(__name__)

CONTROL_THREADS = 2


class WorkerProcess:
    """Starts and stops in the order that loses nothing.

    Parameters: `parts` opens what lives on the loop; `broker` is given its middleware; `threads`
    maps queues (without prefix) to the number of messages that are worked on at once.
    """

    def __init__(
        self,
        parts: Callable[[], AbstractAsyncContextManager[WorkerParts]],
        *,
        broker: Callable[[list[Middleware]], Broker],
        threads: Mapping[str, int],
        prefix: str = "",
        actors: Mapping[type[Message], Actor[Any]] = ACTORS,
    ) -> None:
        self.runtime = Runtime(parts)
        self.broker = broker([BoundedRetries(self.runtime.repeat)])
        self._worker = PooledWorker(
            self.broker, threads={CONTROL: CONTROL_THREADS, **threads}, prefix=prefix
        )
        self._prefix = prefix
        self._actors = actors
        self.is_running = False

    def start(self) -> None:
        """Open everything, then take messages.

        Raises: what opening raises; nothing runs then.
        """
        parts = self.runtime.start()
        assert isinstance(parts, WorkerParts)
        bind(self.broker, self.runtime, prefix=self._prefix, actors=self._actors)
        self._worker.start()
        for queue in self._worker.pools:
            self._worker.consume(queue)
        parts.consume = self._worker.consume
        parts.set_paused = self._worker.set_paused
        parts.jobs.accepts = self._worker.has_room
        self.is_running = True

    def hurry(self) -> None:
        """Wait no longer for running jobs, while `stop` does; callable from a signal handler."""
        self.runtime.call_soon(self.runtime.parts.jobs.hand_back_all)

    def look_for_labels(self) -> None:
        """A job has come that wants labels: see at once whether they are ours; from any thread."""
        parts = self.runtime.parts
        assert isinstance(parts, WorkerParts)
        self.runtime.call_soon(parts.wants_labels.set)

    def stop(self, *, drain_s: float) -> None:
        """Take no more messages, let running jobs end for `drain_s` seconds, hand the rest back.

        RabbitMQ gives what no thread has begun to other workers as soon as the consumers close.
        """
        self.is_running = False
        log.info("worker_stopping", drain_s=drain_s)
        self._worker.close_consumers()
        parts = self.runtime.parts
        self.runtime.call(parts.jobs.drain(drain_s))
        self._worker.stop()
        self.runtime.stop()
        self.broker.close()
        log.info("worker_stopped")
