"""The bus of the embedded mode: app and worker are in one process, on different loops."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

from app.events.bus import Message, Receive, messages_of
from app.events.models import Event


class LocalBus:
    """Delivers on the loop that subscribed; nothing is ever lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receivers: dict[str, list[tuple[Receive, asyncio.AbstractEventLoop]]] = defaultdict(
            list
        )

    def publish(self, events: Sequence[Event]) -> None:
        for message in messages_of(events):
            with self._lock:
                receivers = tuple(self._receivers.get(message.topic, ()))
            for receive, loop in receivers:
                self._deliver(receive, loop, message)

    def _deliver(self, receive: Receive, loop: asyncio.AbstractEventLoop, message: Message) -> None:
        try:
            loop.call_soon_threadsafe(receive, message)
        except RuntimeError:
            # The loop of that subscriber is closed: it can hear nothing more.
            self.unsubscribe(message.topic, receive)

    async def subscribe(self, topic: str, receive: Receive) -> bool:
        with self._lock:
            self._receivers[topic].append((receive, asyncio.get_running_loop()))
        return True

    def unsubscribe(self, topic: str, receive: Receive) -> None:
        with self._lock:
            left = [pair for pair in self._receivers.get(topic, ()) if pair[0] != receive]
            if left:
                self._receivers[topic] = left
            else:
                self._receivers.pop(topic, None)

    def on_restored(self, call: Callable[[], None]) -> None:
        """Nothing is ever lost here, so `call` never runs."""

    @property
    def is_listening(self) -> bool:
        """Always: nothing is between publishers and receivers."""
        return True

    async def close(self) -> None:
        with self._lock:
            self._receivers.clear()
