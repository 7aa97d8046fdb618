"""Queues inside this process, for the embedded mode."""

import uuid
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore
from typing import Any

from dramatiq import Message, MessageProxy
from dramatiq.broker import Broker, Consumer
from dramatiq.middleware import Middleware

from app.core.logging import logger
from app.jobs.queues import base_of
from workers.broker import NotThroughOutbox

log = logger(__name__)


class LocalConsumer(Consumer):
    """Consumes a queue of this process, and tells when a message was answered.

    Parameters: `prefetch` messages are taken ahead of their answers; `timeout_s` is how long
    `next()` waits; `given_up` is handed what nobody could process.
    """

    def __init__(
        self,
        queue: "SimpleQueue[bytes | None]",
        *,
        prefetch: int,
        timeout_s: float,
        answered: Callable[[uuid.UUID], None],
        given_up: Callable[[MessageProxy], None],
    ) -> None:
        self._queue = queue
        self._given_up = given_up
        self._slots = Semaphore(prefetch)
        self._timeout_s = timeout_s
        self._answered = answered

    def __next__(self) -> MessageProxy | None:
        """The next message, or None after the time-out or when this consumer was woken."""
        if not self._slots.acquire(timeout=self._timeout_s):
            return None
        try:
            data = self._queue.get(timeout=self._timeout_s)
        except Empty:
            data = None
        if data is None:
            self._slots.release()
            return None
        return MessageProxy(Message.decode(data))

    def ack(self, message: MessageProxy) -> None:
        """The message was processed, or left unanswered: then the next start repeats it."""
        self._slots.release()
        if not message.options.get("unanswered"):
            self._answered(uuid.UUID(message.message_id))

    def nack(self, message: MessageProxy) -> None:
        """The message was given up."""
        log.error("dead_letter", kind=message.actor_name, body=message.kwargs)
        self._slots.release()
        self._given_up(message)

    def wake(self) -> None:
        """Make a `next()` that waits in another thread return at once; only before the end."""
        self._slots.release()
        self._queue.put(None)


class LocalBroker(Broker):
    """The queues. What survives the process is the outbox.

    As in RabbitMQ, messages wait in a queue for labels until a worker consumes it.

    Parameters: `answered` is told of every message that was processed or thrown away. What was
    given up is neither: the next start of the process tries it again. `unconsumed` is told, in any
    thread, of a queue that nobody consumes and that has got a message.
    """

    prefix = ""

    def __init__(
        self,
        *,
        middleware: list[Middleware],
        answered: Callable[[uuid.UUID], None],
        unconsumed: Callable[[str], None] = lambda _queue: None,
    ) -> None:
        super().__init__(middleware=middleware)
        self.queues: dict[str, SimpleQueue[bytes | None]] = {}
        self._answered = answered
        self._unconsumed = unconsumed
        self._waiting: dict[str, SimpleQueue[bytes | None]] = {}
        self._declaring = Lock()
        self._dead: dict[str, Message[Any]] = {}

    def dead_letters(self, queue: str) -> list[Message[Any]]:
        """What was given up of a queue, oldest first; from any thread."""
        return [each for each in list(self._dead.values()) if each.queue_name == queue]

    def take_dead_letter(self, message_id: str) -> Message[Any] | None:
        """Remove a message that was given up; None: it is none (any more)."""
        return self._dead.pop(message_id, None)

    def _give_up(self, message: MessageProxy) -> None:
        self._dead[message.message_id] = Message.decode(message.encode())

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> Consumer:
        """Consume a queue that was declared. Parameters: `timeout` in milliseconds."""
        return LocalConsumer(
            self.queues[queue_name],
            prefetch=prefetch,
            timeout_s=timeout / 1000,
            answered=self._answered,
            given_up=self._give_up,
        )

    def declare_queue(self, queue_name: str) -> None:
        """Make the queue known; the worker begins to consume it if it should."""
        with self._declaring:
            if queue_name in self.queues:
                return
            queue = self._waiting.pop(queue_name) if queue_name in self._waiting else SimpleQueue()
            self.queues[queue_name] = queue
        self.emit_after("declare_queue", queue_name)

    def deliver(self, queue: str, encoded: bytes) -> None:
        """Put a message on a queue, from any thread; the queue comes into being if needed."""
        if base_of(queue) == queue:
            self.declare_queue(queue)
        with self._declaring:
            known = self.queues.get(queue)
            if known is not None:
                known.put(encoded)
                return
            self._waiting.setdefault(queue, SimpleQueue()).put(encoded)
        self._unconsumed(queue)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Refused: messages go through the outbox."""
        raise NotThroughOutbox("messages are written to the outbox (app.jobs.outbox.enqueue)")

    def depth(self, queue: str) -> int | None:
        """Messages that no worker has taken; None when there is no such queue."""
        with self._declaring:
            known = self.queues.get(queue) or self._waiting.get(queue)
        return None if known is None else known.qsize()

    def is_consumed(self, queue: str) -> bool:
        """Whether a worker of this process takes its messages."""
        return queue in self.queues
