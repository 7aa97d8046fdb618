"""Dramatiq's brokers as AnsFlow needs them: RabbitMQ, and queues inside this process.

Differences to Dramatiq's own: queues are declared as `app.jobs.queues` says; an acknowledgement
belongs to the connection that delivered the message and is a no-op on any other; there is no delay
queue, because delays are `not_before` in the outbox.
"""

import uuid
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore
from typing import Any

import pika
import pika.exceptions
from dramatiq import Message, MessageProxy
from dramatiq.broker import Broker, Consumer
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.middleware import Middleware

from app.core.logging import logger
from app.jobs.queues import declarations

log = logger(__name__)

_LOST = (pika.exceptions.AMQPError, OSError, AssertionError)


def _closed(reason: object) -> Exception:
    error: Exception = ConnectionClosed(reason)  # type: ignore[no-untyped-call]  # Dramatiq's
    return error


class NotThroughOutbox(RuntimeError):
    """Somebody asked the broker for a delay; delays are `not_before` in the outbox."""


class Delivery(MessageProxy):
    """A message and the consumer that it came over."""

    def __init__(self, message: Message[Any], consumer: "RabbitConsumer", tag: int) -> None:
        super().__init__(message)
        self.consumer = consumer
        self.tag = tag


class RabbitConsumer(Consumer):
    """Consumes one queue over a connection of its own; a lost connection means a new consumer.

    Parameters: `prefetch` is how many unacknowledged messages RabbitMQ sends; `timeout_s` is how
    long `next()` waits for one.
    Raises: ConnectionClosed when RabbitMQ cannot be reached.
    """

    def __init__(
        self, broker: "RabbitBroker", queue_name: str, *, prefetch: int, timeout_s: float
    ) -> None:
        self.queue_name = queue_name
        self._timeout_s = timeout_s
        self._buffer: deque[tuple[int, bytes]] = deque()
        self._cancelled = False
        try:
            self._connection = pika.BlockingConnection(broker.parameters)
            self._declare(broker.quorum)
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._channel.basic_consume(queue_name, self._on_message)
        except _LOST as error:
            raise _closed(error) from None

    def _declare(self, quorum: bool) -> None:
        for name, arguments in declarations(self.queue_name, quorum=quorum):
            channel = self._connection.channel()
            try:
                channel.queue_declare(name, durable=True, arguments=arguments)
                channel.close()
            except pika.exceptions.ChannelClosedByBroker as error:
                # It exists with other arguments; it can be consumed all the same.
                log.error("queue_differs", queue=name, error=str(error))

    def _on_message(self, _channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        self._buffer.append((method.delivery_tag, body))

    def _on_cancel(self, _frame: Any) -> None:
        self._cancelled = True

    def __next__(self) -> MessageProxy | None:
        """The next message, or None after the time-out or when this consumer was woken.

        Raises: ConnectionClosed when the connection is lost or the queue was deleted.
        """
        try:
            if not self._buffer:
                self._connection.process_data_events(time_limit=self._timeout_s)
        except _LOST as error:
            raise _closed(error) from None
        if self._cancelled or not self._channel.is_open:
            raise _closed(f"the consumer of {self.queue_name} was cancelled")
        return self._decode(*self._buffer.popleft()) if self._buffer else None

    def _decode(self, tag: int, body: bytes) -> MessageProxy | None:
        try:
            message: Message[Any] = Message.decode(body)
        except DecodeError:
            log.warning("message_unreadable", queue=self.queue_name, bytes=len(body))
            self._channel.basic_nack(tag, requeue=False)
            return None
        # Somebody may have moved it here from another queue. The worker finds its consumer again
        # by this name.
        return Delivery(message.copy(queue_name=self.queue_name), self, tag)

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge, if it came over this connection; RabbitMQ has taken back all others."""
        self._answer(message, "basic_ack")

    def nack(self, message: MessageProxy) -> None:
        """Send to the dead letters, if it came over this connection."""
        self._answer(message, "basic_nack", requeue=False)

    def _answer(self, message: MessageProxy, method: str, **options: Any) -> None:
        if message.options.get("unanswered"):
            return  # RabbitMQ gives it to somebody else when this connection ends.
        if not isinstance(message, Delivery) or message.consumer is not self:
            log.info("late_answer_dropped", queue=self.queue_name, message=message.message_id)
            return
        self._call(partial(self._send_answer, method, message.tag, options))

    def _send_answer(self, method: str, tag: int, options: dict[str, Any]) -> None:
        try:
            getattr(self._channel, method)(tag, **options)
        except _LOST:
            log.info("late_answer_dropped", queue=self.queue_name)

    def wake(self) -> None:
        """Make a `next()` that waits in another thread return at once."""
        self._call(lambda: None)

    def _call(self, call: Any) -> None:
        try:
            self._connection.add_callback_threadsafe(call)
        except _LOST:
            log.debug("connection_was_lost", queue=self.queue_name)

    def requeue(self, messages: Any) -> None:
        """Nothing to do: RabbitMQ takes back what is unacknowledged when the connection ends."""

    def close(self) -> None:
        """Send the answers that are waiting and close; called when `next()` no longer runs."""
        if not self._connection.is_open:
            return
        try:
            self._connection.process_data_events(time_limit=0)
            self._connection.close()
        except (*_LOST, ValueError):  # ValueError: it was lost in this moment
            log.debug("connection_was_lost", queue=self.queue_name)


class RabbitBroker(RabbitmqBroker):
    """Parameters: `prefix` is put before queue names, `quorum` declares replicated queues."""

    def __init__(
        self, url: str, *, middleware: list[Middleware], prefix: str = "", quorum: bool = False
    ) -> None:
        super().__init__(url=url, middleware=middleware)
        self.prefix = prefix
        self.quorum = quorum

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> Consumer:
        """A new connection that consumes this queue. Parameters: `timeout` in milliseconds."""
        return RabbitConsumer(self, queue_name, prefetch=prefetch, timeout_s=timeout / 1000)

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Make the queue known to the worker. RabbitMQ hears of it from the consumer."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Refused: messages go through the outbox."""
        raise NotThroughOutbox("messages are written to the outbox (app.jobs.outbox.enqueue)")


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
    """Queues inside this process, for the embedded mode. The outbox is what survives.

    Parameters: `answered` is told of every message that was processed or thrown away. What was
    given up is neither: the next start of the process tries it again.
    """

    prefix = ""

    def __init__(
        self, *, middleware: list[Middleware], answered: Callable[[uuid.UUID], None]
    ) -> None:
        super().__init__(middleware=middleware)
        self.queues: dict[str, SimpleQueue[bytes | None]] = {}
        self._answered = answered
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
            self.queues[queue_name] = SimpleQueue()
        self.emit_after("declare_queue", queue_name)

    def deliver(self, queue: str, encoded: bytes) -> None:
        """Put a message on a queue, from any thread; the queue comes into being if needed."""
        self.declare_queue(queue)
        self.queues[queue].put(encoded)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Refused: messages go through the outbox."""
        raise NotThroughOutbox("messages are written to the outbox (app.jobs.outbox.enqueue)")

    def depth(self, queue: str) -> int | None:
        """Messages that no worker has taken; None when there is no such queue."""
        known = self.queues.get(queue)
        return None if known is None else known.qsize()
