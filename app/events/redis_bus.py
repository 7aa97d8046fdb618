"""The bus between processes: Redis pub/sub, one connection for listening per process.

Publishing is at most once: what Redis does not take is dropped and counted, since everybody who
needs all of it reads the database after `on_restored`.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from app.core.redis import NamespaceClient, RedisAway, stop_task
from app.events.bus import Message, Receive, messages_of, pack
from app.events.models import Event
from app.events.redis_listener import Listener

MAX_WAITING = 20_000
_BATCH = 500


class RedisBus:
    """Belongs to the loop that opened it; `publish` may be called from any thread.

    Parameters: `client` is the namespace `channels`; `ping_s` is how often a silent connection is
    asked whether it still lives.
    """

    def __init__(self, client: NamespaceClient, *, ping_s: float = 5.0) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.published = 0
        self.dropped = 0
        self._receivers: dict[str, list[Receive]] = defaultdict(list)
        self._listener = Listener(client, self._receive, ping_s=ping_s)
        self._publisher = asyncio.create_task(self._publish_all(), name="events-publisher")

    # publishing

    def publish(self, events: Sequence[Event]) -> None:
        messages = messages_of(events)
        try:
            if asyncio.get_running_loop() is self._loop:
                self._put(messages)
                return
        except RuntimeError:
            pass
        with contextlib.suppress(RuntimeError):  # closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._put, messages)

    def _put(self, messages: Sequence[Message]) -> None:
        self._waiting.extend(messages)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._idle.clear()
        self._wake.set()

    async def _publish_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                await self._publish_batch(batch)
            self._idle.set()

    async def _publish_batch(self, batch: Sequence[Message]) -> None:
        pipeline = self._client.client.pipeline(transaction=False)
        for message in batch:
            pipeline.publish(self._client.channel(message.topic), pack(message))
        try:
            await self._client.run(lambda _: pipeline.execute())
            self.published += len(batch)
        except RedisAway:
            self.dropped += len(batch)

    # listening

    async def subscribe(self, topic: str, receive: Receive) -> bool:
        self._receivers[topic].append(receive)
        return await self._listener.add(topic)

    def unsubscribe(self, topic: str, receive: Receive) -> None:
        receivers = self._receivers.get(topic, [])
        if receive in receivers:
            receivers.remove(receive)
        if not receivers:
            self._receivers.pop(topic, None)
            self._listener.remove(topic)

    def on_restored(self, call: Callable[[], None]) -> None:
        self._listener.restored.append(call)

    @property
    def is_listening(self) -> bool:
        """False while the connection for listening is away."""
        return self._listener.is_connected

    def _receive(self, message: Message) -> None:
        for receive in tuple(self._receivers.get(message.topic, ())):
            receive(message)

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._idle.wait()
        await stop_task(self._publisher)
        await self._listener.close()
