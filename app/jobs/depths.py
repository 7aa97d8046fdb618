"""How many messages and consumers a queue has, asked without creating it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aio_pika import connect
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity

from app.core.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Depth:
    """`ready` messages wait for a worker; those that one works on do not count."""

    ready: int
    consumers: int


class Depths(Protocol):
    """Asks about queues."""

    async def of(self, queues: Iterable[str]) -> Mapping[str, Depth]:
        """The depth of each queue (without prefix) that exists.

        Raises: Unavailable when the queues cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class RabbitDepths:
    """Asks RabbitMQ by passive declarations, over a connection of its own.

    Parameters: as `RabbitPublisher`.
    """

    def __init__(self, url: str, *, prefix: str = "", timeout_s: float = 5.0) -> None:
        self._url = url
        self._prefix = prefix
        self._timeout_s = timeout_s
        self._connection: AbstractConnection | None = None
        self._lock = asyncio.Lock()

    async def of(self, queues: Iterable[str]) -> Mapping[str, Depth]:
        """See `Depths`."""
        try:
            async with self._lock, asyncio.timeout(self._timeout_s):
                if self._connection is None or self._connection.is_closed:
                    self._connection = await connect(self._url, timeout=self._timeout_s)
                return {
                    queue: depth
                    for queue in queues
                    if (depth := await self._ask(self._connection, self._prefix + queue))
                }
        except (AMQPError, OSError, TimeoutError, RuntimeError) as error:
            await self.close()
            raise Unavailable(f"RabbitMQ cannot be reached: {error!r}") from error

    async def _ask(self, connection: AbstractConnection, name: str) -> Depth | None:
        # One channel per question: asking for a queue that does not exist closes it.
        channel = await connection.channel(publisher_confirms=False)
        try:
            queue = await channel.declare_queue(name, passive=True)
        except ChannelNotFoundEntity:
            return None
        finally:
            await channel.close()
        result = queue.declaration_result
        return Depth(ready=result.message_count or 0, consumers=result.consumer_count or 0)

    async def close(self) -> None:
        """Close the connection; a later question opens a new one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await connection.close()
        except (AMQPError, OSError, TimeoutError, RuntimeError):
            return
