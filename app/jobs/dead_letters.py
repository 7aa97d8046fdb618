"""Messages that nobody could process: looked at, sent again, thrown away.

Nothing is lost when the broker goes away half-way: a message leaves the dead letters only after
its copy is safe on its queue, so at worst it comes twice.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from aio_pika import DeliveryMode, Message, connect
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity, QueueEmpty

from app.core.errors import Unavailable
from app.jobs.queues import dead_letters_of

MOST = 1000
"""So many of the oldest are looked at in one request."""
_LOST = (AMQPError, OSError, TimeoutError, RuntimeError)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. `body` has its ids; None: it cannot be read."""

    id: str
    kind: str | None
    body: Mapping[str, Any] | None
    retries: int
    died_at: datetime | None


class DeadLetters(Protocol):
    """The dead letters of queues (without prefix). `ids` None means all of them.

    Raises: Unavailable when the broker cannot be reached.
    """

    async def oldest(self, queue: str, *, limit: int) -> list[DeadLetter]:
        """The oldest of a queue."""
        ...

    async def count(self, queue: str) -> int:
        """How many a queue has."""
        ...

    async def requeue(self, queue: str, ids: Collection[str] | None) -> int:
        """Put messages on their queue again, as if they were new; returns how many."""
        ...

    async def purge(self, queue: str, ids: Collection[str] | None) -> int:
        """Throw messages away; returns how many."""
        ...


def read(data: bytes, *, fallback_id: str, died_at: datetime | None = None) -> DeadLetter:
    """What a message says, as far as it can be read."""
    try:
        message = json.loads(data)
        return DeadLetter(
            id=str(message["message_id"]),
            kind=str(message["actor_name"]),
            body=dict(message["kwargs"]),
            retries=int(message["options"].get("retries", 0)),
            died_at=died_at,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return DeadLetter(fallback_id, None, None, 0, died_at)


def renewed(data: bytes) -> bytes:
    """The message as if it had never failed."""
    try:
        message = json.loads(data)
        message["options"] = {}
    except (ValueError, TypeError):
        return data
    return json.dumps(message, separators=(",", ":")).encode()


class RabbitDeadLetters:
    """The dead letters in RabbitMQ. Each request has a connection of its own, which gives back
    whatever was only looked at.

    Parameters: as `RabbitPublisher`; `timeout_s` bounds each request.
    """

    def __init__(self, url: str, *, prefix: str = "", timeout_s: float = 20.0) -> None:
        self._url = url
        self._prefix = prefix
        self._timeout_s = timeout_s

    async def oldest(self, queue: str, *, limit: int) -> list[DeadLetter]:
        """See `DeadLetters`."""
        async with self._opened(queue) as (_, dead):
            return [_letter(each) async for each in _taken(dead, limit)]

    async def count(self, queue: str) -> int:
        """See `DeadLetters`."""
        async with self._opened(queue) as (_, dead):
            return 0 if dead is None else dead.declaration_result.message_count or 0

    async def requeue(self, queue: str, ids: Collection[str] | None) -> int:
        """See `DeadLetters`."""
        count = 0
        async with self._opened(queue) as (channel, dead):
            async for each in _taken(dead, MOST):
                if ids is None or _letter(each).id in ids:
                    await self._send_again(channel, each, queue)
                    await each.ack()
                    count += 1
        return count

    async def purge(self, queue: str, ids: Collection[str] | None) -> int:
        """See `DeadLetters`."""
        count = 0
        async with self._opened(queue) as (_, dead):
            async for each in _taken(dead, MOST):
                if ids is None or _letter(each).id in ids:
                    await each.ack()
                    count += 1
        return count

    async def _send_again(
        self, channel: AbstractChannel, letter: AbstractIncomingMessage, queue: str
    ) -> None:
        message = Message(
            renewed(letter.body),
            delivery_mode=DeliveryMode.PERSISTENT,
            content_type="application/json",
            message_id=letter.message_id,
        )
        # Confirmed, and refused where no such queue is: only then it may leave the dead letters.
        await channel.default_exchange.publish(message, self._prefix + queue, mandatory=True)

    @asynccontextmanager
    async def _opened(
        self, queue: str
    ) -> AsyncIterator[tuple[AbstractChannel, AbstractQueue | None]]:
        """A channel and the queue of dead letters, None when there is none (yet)."""
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await connect(self._url, timeout=self._timeout_s)
                async with connection:
                    channel = await connection.channel(on_return_raises=True)
                    name = self._prefix + dead_letters_of(queue)
                    try:
                        dead = await channel.declare_queue(name, passive=True)
                    except ChannelNotFoundEntity:
                        yield channel, None
                    else:
                        yield channel, dead
        except _LOST as error:
            raise Unavailable(f"RabbitMQ cannot be reached: {error!r}") from error


async def _taken(dead: AbstractQueue | None, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    """At most `limit` messages; those that nobody answers go back when the channel closes."""
    if dead is None:
        return
    # Not more than there are now: others may come, or come back, meanwhile.
    for _ in range(min(limit, dead.declaration_result.message_count or 0)):
        try:
            yield await dead.get()
        except QueueEmpty:
            return


def _letter(message: AbstractIncomingMessage) -> DeadLetter:
    return read(
        message.body,
        fallback_id=message.message_id or str(uuid.UUID(int=0)),
        died_at=_died_at(message),
    )


def _died_at(message: AbstractIncomingMessage) -> datetime | None:
    deaths = message.headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    at = deaths[0].get("time")
    return at.replace(tzinfo=at.tzinfo or UTC) if isinstance(at, datetime) else None
