"""The listening side of the bus: one connection, supervised, with topics that come and go."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.core.redis import NamespaceClient, stop_task
from app.events.bus import Message, unpack

log = logging.getLogger(__name__)

_TICK_S = 1.0
_CONFIRM_S = 1.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


class Listener:
    """Keeps the wanted topics subscribed over lost connections.

    `restored` is called when messages may have been lost: after each connection but the first,
    and after the first if someone was told that it is not there yet.
    """

    def __init__(
        self, client: NamespaceClient, receive: Callable[[Message], None], *, ping_s: float
    ) -> None:
        self._client = client
        self._receive = receive
        self._ping_s = ping_s
        self._prefix = client.channel("")
        self._wanted: dict[str, asyncio.Future[bool]] = {}
        self._unwanted: set[str] = set()
        self._pubsub: PubSub | None = None
        self._heard_at = 0.0
        self._was_connected = self._owed = False
        self.is_connected = False
        self.restored: list[Callable[[], None]] = []
        self._task = asyncio.create_task(self._supervise(), name="events-listener")

    async def add(self, topic: str) -> bool:
        """Subscribe; True once the server confirmed it, False when it is away."""
        self._unwanted.discard(topic)
        active = self._wanted.get(topic)
        if active is None:
            active = self._wanted[topic] = asyncio.get_running_loop().create_future()
            if self._pubsub is not None and self.is_connected:
                await self._send(self._pubsub, "SUBSCRIBE", [topic])
        if active.done():
            return active.result()
        if self.is_connected or not self._was_connected:
            await asyncio.wait({active}, timeout=_CONFIRM_S)
        if active.done() and not active.cancelled():
            return active.result()
        self._owed = True
        return False

    def remove(self, topic: str) -> None:
        """Unsubscribe, soon: a topic that is wanted again at once stays subscribed."""
        if topic in self._wanted:
            self._unwanted.add(topic)

    async def close(self) -> None:
        """Stop listening."""
        await stop_task(self._task)
        for active in self._wanted.values():
            active.cancel()

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async with self._client.listening.pubsub() as pubsub:
                    await self._connected(pubsub)
                    pause = _FIRST_PAUSE_S
                    await self._read(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                if self.is_connected:
                    log.warning("events_connection_lost", extra={"error": str(error)})
            finally:
                self._disconnected()
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  jitter
            pause = min(_LONGEST_PAUSE_S, pause * 2)

    async def _connected(self, pubsub: PubSub) -> None:
        # Without a channel the connection would not be in the listening mode.
        await pubsub.subscribe(self._prefix + "control:ping")
        self._pubsub = pubsub
        self._heard_at = time.monotonic()
        if self._wanted:
            await self._send(pubsub, "SUBSCRIBE", list(self._wanted))
        async with asyncio.timeout(self._ping_s):
            while not all(active.done() for active in self._wanted.values()):
                await self._read_one(pubsub)
        self.is_connected = True
        if self._was_connected or self._owed:
            for call in self.restored:
                call()
        self._was_connected, self._owed = True, False

    def _disconnected(self) -> None:
        self.is_connected = False
        self._pubsub = None
        loop = asyncio.get_running_loop()
        for topic in self._unwanted:
            self._wanted.pop(topic, None)
        self._unwanted.clear()
        for topic, active in self._wanted.items():
            if active.done():
                self._wanted[topic] = loop.create_future()

    async def _read(self, pubsub: PubSub) -> None:
        # One task only: under Python 3.11 redis-py may swallow a cancellation, and a task group
        # cancels its tasks only once.
        asked_at = dropped_at = time.monotonic()
        while True:
            await self._read_one(pubsub)
            now = time.monotonic()
            if self._unwanted and now - dropped_at > _TICK_S:
                dropped_at = now
                await self._drop_unwanted(pubsub)
            if now - self._heard_at > 2 * self._ping_s + _TICK_S:
                raise TimeoutError("the connection for events is silent")
            if now - max(self._heard_at, asked_at) > self._ping_s:
                asked_at = now
                await pubsub.ping()

    async def _read_one(self, pubsub: PubSub) -> None:
        heard: dict[str, Any] | None = await pubsub.get_message(timeout=_TICK_S)
        if heard is None:
            return
        self._heard_at = time.monotonic()
        kind = heard["type"]
        if kind == "message":
            self._hear(heard["channel"], heard["data"])
        elif kind == "subscribe":
            active = self._wanted.get(self._topic(heard["channel"]))
            if active is not None and not active.done():
                active.set_result(True)

    def _hear(self, channel: bytes, data: bytes) -> None:
        try:
            message = unpack(self._topic(channel), data)
        except ValueError:
            # Anybody who reaches Redis can publish: what is not ours is no event.
            log.warning("event_unreadable", extra={"channel": channel.decode("utf-8", "replace")})
            return
        self._receive(message)

    def _topic(self, channel: bytes) -> str:
        return channel.decode("utf-8", "replace").removeprefix(self._prefix)

    async def _drop_unwanted(self, pubsub: PubSub) -> None:
        topics = list(self._unwanted)
        self._unwanted.clear()
        for topic in topics:
            self._wanted.pop(topic, None)
        await self._send(pubsub, "UNSUBSCRIBE", topics)

    async def _send(self, pubsub: PubSub, command: str, topics: list[str]) -> None:
        channels = [self._prefix + topic for topic in topics]
        try:
            if command == "SUBSCRIBE":
                await pubsub.subscribe(*channels)
            else:
                await pubsub.unsubscribe(*channels)
        except (RedisError, OSError):
            # The reader notices the same and starts anew with all topics.
            log.debug("events_subscription_failed")
