"""From the relay to the queues: RabbitMQ, or the queues inside this process (embedded mode)."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol

from aio_pika import DeliveryMode, Message, connect
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed, PublishError

from app.core.errors import Unavailable
from app.core.logging import logger
from app.jobs.outbox import Outgoing
from app.jobs.queues import declarations
from app.jobs.wire import encode

log = logger(__name__)

_LOST = (AMQPError, OSError, TimeoutError, RuntimeError)
"""What a broken connection raises; RuntimeError is aiormq's word for a closed one."""


Answered = Callable[[uuid.UUID], None]
"""Told of a message that a worker has done with; called in any thread."""


class Publisher(Protocol):
    """Where the relay sends messages."""

    @property
    def answers(self) -> bool:
        """Whether a message is only safe once a worker has answered it (see `on_answer`)."""
        ...

    async def publish(self, messages: Sequence[Outgoing]) -> set[uuid.UUID]:
        """Send all; returns the ids of those that are on their queue.

        Raises: Unavailable when none could be sent.
        """
        ...

    def on_answer(self, answered: Answered) -> None:
        """Have `answered` called for each message that a worker is done with."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class LocalPublisher:
    """Hands messages to queues of this process, shared by all its relays.

    These queues die with the process, so a message stays in the outbox until it is answered: the
    next start publishes again what was not. Parameters: `deliver(queue, encoded)` may be called
    from any thread and does not block.
    """

    answers = True

    def __init__(self, deliver: Callable[[str, bytes], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._open: set[uuid.UUID] = set()
        self._listeners: list[Answered] = []

    async def publish(self, messages: Sequence[Outgoing]) -> set[uuid.UUID]:
        for message in messages:
            with self._lock:
                is_new = message.id not in self._open
                self._open.add(message.id)
            if is_new:
                self._deliver(message.queue, encode(message, queue=message.queue))
        return {message.id for message in messages}

    def answered(self, message_id: uuid.UUID) -> None:
        """To be called by the queue, in any thread, when a worker is done with a message."""
        with self._lock:
            self._open.discard(message_id)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(message_id)

    def on_answer(self, answered: Answered) -> None:
        with self._lock:
            self._listeners.append(answered)

    async def close(self) -> None:
        """Nothing is open."""


class RabbitPublisher:
    """Publishes persistent, confirmed messages; what comes back unrouted counts as not sent.

    The connection is made at the first use and again after it was lost: whoever publishes decides
    when to try again. Parameters: `prefix` is put before every queue name, `quorum` declares
    replicated queues, `timeout_s` bounds each call of `publish`.
    """

    answers = False

    def __init__(
        self, url: str, *, prefix: str = "", quorum: bool = False, timeout_s: float = 5.0
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._quorum = quorum
        self._timeout_s = timeout_s
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._declared: set[str] = set()
        self._lock = asyncio.Lock()

    async def publish(self, messages: Sequence[Outgoing]) -> set[uuid.UUID]:
        """See `Publisher`. Queues that do not exist are declared; a returned message is repeated
        once, since its queue may have been deleted."""
        try:
            async with asyncio.timeout(self._timeout_s):
                channel = await self._ready({self._prefix + one.queue for one in messages})
                exchange = channel.default_exchange
                results = await asyncio.gather(*(self._send(exchange, one) for one in messages))
        except _LOST as error:
            await self._forget()
            raise Unavailable(f"RabbitMQ cannot be reached: {error!r}") from error
        sent = {one.id for one, is_sent in zip(messages, results, strict=True) if is_sent}
        if not sent:
            raise Unavailable("RabbitMQ took none of the messages")
        return sent

    def on_answer(self, answered: Answered) -> None:
        """Nothing to tell: what is confirmed is safe on the disks of RabbitMQ."""

    async def close(self) -> None:
        """Close the connection; a later `publish` opens a new one."""
        await self._forget()

    async def _send(self, exchange: AbstractExchange, outgoing: Outgoing) -> bool:
        queue = self._prefix + outgoing.queue
        message = Message(
            encode(outgoing, queue=queue),
            delivery_mode=DeliveryMode.PERSISTENT,
            content_type="application/json",
            message_id=outgoing.id.hex,
        )
        for is_last in (False, True):
            try:
                await exchange.publish(message, queue, mandatory=True)
            except PublishError as error:
                self._declared.discard(queue)
                if is_last:
                    log.warning("message_returned", queue=queue, error=repr(error))
                    return False
                await self._ready({queue})
            else:
                return True
        raise AssertionError("unreachable")

    async def _ready(self, queues: set[str]) -> AbstractChannel:
        """An open channel, with these queues declared."""
        channel = self._channel
        if channel is not None and not channel.is_closed and queues <= self._declared:
            return channel
        async with self._lock:
            if self._connection is None or self._connection.is_closed:
                self._declared.clear()
                self._channel = None
                self._connection = await connect(self._url, timeout=self._timeout_s)
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._connection.channel(on_return_raises=True)
            for queue in sorted(queues - self._declared):
                await self._declare(self._connection, queue)
            return self._channel

    async def _declare(self, connection: AbstractConnection, queue: str) -> None:
        for name, arguments in declarations(queue, quorum=self._quorum):
            # A channel of its own: a refused declaration closes it.
            channel: AbstractChannel = await connection.channel()
            try:
                await channel.declare_queue(name, durable=True, arguments=arguments)
            except ChannelPreconditionFailed as error:
                # It exists with other arguments; messages can still be sent to it.
                log.error("queue_differs", queue=name, error=str(error))
            finally:
                await channel.close()
        self._declared.add(queue)

    async def _forget(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._declared.clear()
        if connection is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await connection.close()
        except _LOST:
            log.debug("connection_was_lost")
