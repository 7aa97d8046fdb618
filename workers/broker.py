"""Dramatiq's brokers as AnsFlow needs them: RabbitMQ, and queues inside this process.

Differences to Dramatiq's own: queues are declared as `app.jobs.queues` says; an acknowledgement
belongs to the connection that delivered the message and is a no-op on any other; there is no delay
queue, because delays are `not_before` in the outbox.
"""

from collections import deque
from functools import partial
from typing import Any

import pika
import pika.exceptions
from dramatiq import Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.middleware import Middleware
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from app.core.logging import logger
from app.jobs.queues import declarations

log = logger(__name__)

_LOST = (pika.exceptions.AMQPError, AMQPConnectorException, OSError, AssertionError)


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
        except _LOST as error:
            raise _closed(error) from None
        try:
            self._declare(broker.quorum)
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._channel.basic_consume(queue_name, self._on_message)
        except _LOST as error:
            self.close()
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
        try:
            if self._connection.is_open:
                self._connection.process_data_events(time_limit=0)
                self._connection.close()
        except (*_LOST, ValueError):  # ValueError: it was lost in this moment
            log.debug("connection_was_lost", queue=self.queue_name)
        finally:
            # Pika forgets its pipe when the connection is lost while nobody waits for its events.
            self._connection._cleanup()  # noqa: SLF001


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
