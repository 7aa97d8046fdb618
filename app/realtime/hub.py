"""The hub of one process: one subscription to the bus, any number of watchers."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from app.core.errors import AnsFlowError
from app.core.redis import stop_task
from app.events import EventBus
from app.realtime.frames import control
from app.realtime.sources import Source
from app.realtime.topic import Sink, Topic
from app.realtime.topics import TopicName

log = logging.getLogger(__name__)

_READS_AT_ONCE = 4
"""Snapshots and history together: sockets that come back all at once leave room for requests."""
_LINGER_S = 5.0
"""How long a topic that nobody watches stays warm, for those who reload a page."""

MakeSource = Callable[[TopicName], Source]


class Hub:
    """Belongs to one event loop.

    Parameters: `make_source` gives the view of the database for a topic.
    """

    def __init__(self, bus: EventBus, make_source: MakeSource) -> None:
        self._bus = bus
        self._make_source = make_source
        self._topics: dict[TopicName, Topic] = {}
        self._subscribing: dict[TopicName, asyncio.Task[bool]] = {}
        self._slots = asyncio.Semaphore(_READS_AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.resyncs = 0
        bus.on_restored(self._restored)
        self.spawn(self._watch_silence())

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run in the background until the hub closes; what fails is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            expected = isinstance(error, AnsFlowError)
            log.log(
                logging.INFO if expected else logging.ERROR,
                "realtime_task_failed",
                exc_info=None if expected else error,
            )

    async def subscribe(self, sink: Sink, name: TopicName, *, since: str | None = None) -> None:
        """Send `sink` the present of a topic, or what came after `since`, then every change.

        Returns once the sink is live. Rights are the caller's business.
        Raises: TopicIsUnknown; Unavailable when the database is away.
        """
        topic = self._open(name)
        try:
            await self._active(name)
            while not await self._bring_up(topic, sink, since):
                since = None
        except BaseException:
            self.unsubscribe(sink, name)
            raise

    async def _bring_up(self, topic: Topic, sink: Sink, since: str | None) -> bool:
        position = None if since is None else await topic.source.resume(since)
        if position is None:
            snapshot = await topic.snapshot()
            position, taken = dict(snapshot.position), snapshot.taken
            sink.deliver(control("subscribed", str(topic.name), resumed=False))
            frames = snapshot.frames
        else:
            taken = topic.arrived
            frames = await topic.source.states()
            sink.deliver(control("subscribed", str(topic.name), resumed=True))
        for frame in frames:
            sink.deliver(frame)
        while True:
            await topic.send_history(sink, position)
            if topic.join(sink, position):
                return topic.send_recent(sink, taken)

    def unsubscribe(self, sink: Sink, name: TopicName) -> None:
        """The inverse of `subscribe`, also of one that failed."""
        topic = self._topics.get(name)
        if topic is None:
            return
        topic.leave(sink)
        topic.users -= 1
        if topic.users == 0:
            asyncio.get_running_loop().call_later(_LINGER_S, self._drop, topic)

    def _drop(self, topic: Topic) -> None:
        if topic.users == 0 and self._topics.get(topic.name) is topic:
            del self._topics[topic.name]
            self._bus.unsubscribe(str(topic.name), topic.receive)

    def _open(self, name: TopicName) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            topic = Topic(name, self._make_source(name), slots=self._slots, spawn=self.spawn)
            self._topics[name] = topic
            self._subscribing[name] = self.spawn(self._bus.subscribe(str(name), topic.receive))
        topic.users += 1
        return topic

    async def _active(self, name: TopicName) -> None:
        # Not active means that the bus is away: it tells when it is back, and gaps are filled.
        if (subscribing := self._subscribing.get(name)) is not None:
            await asyncio.shield(subscribing)
            self._subscribing.pop(name, None)

    def _restored(self) -> None:
        for topic in tuple(self._topics.values()):
            self.spawn(topic.catch_up(states=True))

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for topic in tuple(self._topics.values()):
                if topic.users and topic.is_quiet(now):
                    await topic.catch_up(states=False)

    @property
    def topics(self) -> int:
        """How many topics are watched, or were a moment ago."""
        return len(self._topics)

    def watchers(self, name: TopicName) -> int:
        """How many watch this topic."""
        topic = self._topics.get(name)
        return 0 if topic is None else topic.users

    @property
    def gaps_filled(self) -> int:
        """Messages that came from the database instead of the bus, of the topics open now."""
        return sum(topic.gaps_filled for topic in self._topics.values())

    async def close(self) -> None:
        """Stop everything in the background."""
        for topic in self._topics.values():
            self._bus.unsubscribe(str(topic.name), topic.receive)
        self._topics.clear()
        for task in tuple(self._tasks):
            await stop_task(task)
