"""What a follower hears of the event bus: bounded, and never waited for by the publisher."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.events import EventBus, Message

MAX_WAITING = 256
_SUBSCRIBE_S = 0.5


class Inbox:
    """Messages in the order they came. A full inbox forgets them all: the database has them."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._came = asyncio.Event()

    def receive(self, message: Message) -> None:
        """Called by the bus."""
        if len(self._messages) >= MAX_WAITING:
            self._messages.clear()
        self._messages.append(message)
        self._came.set()

    async def next(self, timeout_s: float) -> Message | None:
        """The next message; None after `timeout_s` seconds of silence."""
        if not self._messages:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._came.wait()
        return self._messages.popleft() if self._messages else None


@asynccontextmanager
async def listening(
    bus: EventBus, *topics: str, wanted: Callable[[Message], bool] = lambda _message: True
) -> AsyncIterator[Inbox]:
    """Hear topics; also when the bus is away: then nothing comes until it is back.

    Parameters: `wanted` says which messages are heard at all.
    """
    inbox = Inbox()

    def receive(message: Message) -> None:
        if wanted(message):
            inbox.receive(message)

    subscribing = [asyncio.ensure_future(bus.subscribe(topic, receive)) for topic in topics]
    try:
        # Without Redis this takes long; who has no subscription yet asks the database.
        await asyncio.wait(subscribing, timeout=_SUBSCRIBE_S)
        yield inbox
    finally:
        for topic, task in zip(topics, subscribing, strict=True):
            bus.unsubscribe(topic, receive)
            task.cancel()
