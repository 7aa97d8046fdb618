"""One topic in one process: what came, in order and without gaps, to everybody who watches."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from app.core.errors import AnsFlowError
from app.core.log_chunks import ChunkIsDamaged
from app.events.bus import Message
from app.realtime.frames import Frame, frame_of
from app.realtime.sources import Position, Snapshot, Source
from app.realtime.topics import TopicName

log = logging.getLogger(__name__)

GAP_S = 0.05
"""How long a message may be late before the gap is filled from the database."""
SHARED_S = 0.25
"""How long a snapshot is shared by those who come after each other."""
QUIET_S = (2.0, 15.0)
"""After how much silence the database is asked: at first, at most."""
_REMEMBERED = 1024
_EARLY_AT_MOST = 10_000

Spawn = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]


class Sink(Protocol):
    """Somebody who watches."""

    def deliver(self, frame: Frame) -> None:
        """Take this frame; never blocks."""
        ...

    async def drained(self) -> None:
        """Return when there is room for more."""
        ...


class Topic:
    """Forwards contiguously: `head` is the last number forwarded, by stream.

    It is *cold* (`head` None) until its first subscriber has read up to the present.
    """

    def __init__(
        self, name: TopicName, source: Source, *, slots: asyncio.Semaphore, spawn: Spawn
    ) -> None:
        self.name = name
        self.source = source
        self._slots = slots
        self._spawn = spawn
        self.head: Position | None = None
        self.live: dict[Sink, None] = {}
        self.ahead: dict[Sink, Position] = {}
        """Subscribers whose snapshot is ahead of `head`, with the numbers they have."""
        self.users = 0
        self.gaps_filled = 0
        self._hints: Position = {}
        self._early: dict[tuple[str, int], Message] = {}
        self._recent: deque[Frame] = deque(maxlen=_REMEMBERED)
        self.arrived = 0
        """Unnumbered messages so far."""
        self._filling: asyncio.Task[None] | None = None
        self._fill_again = False
        self._snapshot: tuple[float, asyncio.Task[Snapshot]] | None = None
        self._heard_at = time.monotonic()
        self._quiet_s = QUIET_S[0]

    # what comes from the bus

    def receive(self, message: Message) -> None:
        """Take a message from the bus, in whatever order it comes."""
        self._heard_at, self._quiet_s = time.monotonic(), QUIET_S[0]
        if message.last is None or message.first is None or not self.name.kind.is_replayable:
            self._forward_state(frame_of(message))
        elif self.head is None:
            self._hints[message.stream] = max(self._hints.get(message.stream, 0), message.last)
        else:
            self._receive_numbered(self.head, message, message.first, message.last)

    def _receive_numbered(self, head: Position, message: Message, first: int, last: int) -> None:
        expected = head.get(message.stream, 0) + 1
        if last < expected:
            return
        if first == expected and message.body:
            self._forward(head, message, last)
            if self._early:
                self._forward_early(head, message.stream)
            return
        if message.body and first > expected:
            if len(self._early) >= _EARLY_AT_MOST:
                self._early.clear()
            self._early[message.stream, first] = message
            self._fill_soon(GAP_S)
        else:
            # Announced without its lines, or it overlaps what was forwarded.
            self._fill_soon(0.0)

    def _forward(self, head: Position, message: Message, last: int) -> None:
        head[message.stream] = last
        frame = frame_of(message)
        for sink in tuple(self.live):
            sink.deliver(frame)
        for sink, has in tuple(self.ahead.items()):
            if last > has.get(message.stream, 0):
                sink.deliver(frame)
                has.pop(message.stream, None)
                if not has:
                    del self.ahead[sink]
                    self.live[sink] = None

    def _forward_early(self, head: Position, stream: str) -> None:
        while message := self._early.pop((stream, head.get(stream, 0) + 1), None):
            self._forward(head, message, message.last or 0)
        for key in [key for key in self._early if key[1] <= head.get(key[0], 0)]:
            del self._early[key]

    def _forward_state(self, frame: Frame) -> None:
        self.arrived += 1
        self._recent.append(frame)
        for sink in (*self.live, *self.ahead):
            sink.deliver(frame)

    # gaps

    def _fill_soon(self, delay_s: float) -> None:
        if self._filling is not None and not self._filling.done():
            self._fill_again = True
            return
        self._fill_again = False
        self._filling = self._spawn(self._fill(delay_s))

    async def _fill(self, delay_s: float) -> None:
        if delay_s:
            await asyncio.sleep(delay_s)
            if not self._early and not self._fill_again:
                return
        try:
            await self._fill_from_database()
        except (AnsFlowError, ChunkIsDamaged) as error:
            # Most often the database is away: the check after silence tries again.
            log.warning("topic_not_filled", extra={"topic": str(self.name), "error": str(error)})

    async def _fill_from_database(self) -> None:
        while self.head is not None:
            self._fill_again = False
            async with self._slots:
                messages = await self.source.after(self.head)
            if not messages and not self._fill_again:
                break
            for message in messages:
                # Live messages may have gone further while the database was asked.
                if (message.first or 0) > self.head.get(message.stream, 0):
                    self.gaps_filled += 1
                    self._forward(self.head, message, message.last or 0)
        for stream in {stream for stream, _ in self._early}:
            if self.head is not None:
                self._forward_early(self.head, stream)

    async def catch_up(self, *, states: bool) -> None:
        """Ask the database for what was missed; with `states` also for what has no number."""
        self._snapshot = None
        if self.head is None:
            return
        self._fill_soon(0.0)
        if states:
            for frame in await self.source.states():
                self._forward_state(frame)

    def is_quiet(self, now: float) -> bool:
        """True when it is time to ask the database, since nothing was heard for a while."""
        if self.head is None or not self.name.kind.is_replayable:
            return False
        if now - self._heard_at < self._quiet_s:
            return False
        self._heard_at, self._quiet_s = now, min(self._quiet_s * 2, QUIET_S[1])
        return True

    # subscribers

    async def snapshot(self) -> Snapshot:
        """The present; shared by those who ask within a quarter of a second."""
        now = time.monotonic()
        if self._snapshot is None or now - self._snapshot[0] > SHARED_S:
            self._snapshot = (now, self._spawn(self._take_snapshot()))
        return await asyncio.shield(self._snapshot[1])

    async def _take_snapshot(self) -> Snapshot:
        async with self._slots:
            taken = self.arrived
            snapshot = await self.source.snapshot()
        snapshot.taken = taken
        return snapshot

    async def send_history(self, sink: Sink, position: Position) -> None:
        """Bring `sink` from `position` up to what was forwarded, as fast as it takes it."""
        while self.name.kind.is_replayable:
            if self.head is not None and not _is_behind(position, self.head):
                return
            async with self._slots:
                messages = await self.source.after(position)
            if not messages:
                return
            for message in messages:
                sink.deliver(frame_of(message))
                position[message.stream] = message.last or 0
            await sink.drained()

    def join(self, sink: Sink, position: Position) -> bool:
        """Have `sink` get everything after `position` from now on.

        Returns: False when more was forwarded meanwhile: send history again.
        """
        if self.head is not None and _is_behind(position, self.head):
            return False
        if self.head is None:
            self.head = dict(position)
            self._fill_hints()
        ahead = {s: n for s, n in position.items() if n > self.head.get(s, 0)}
        if ahead:
            self.ahead[sink] = ahead
        else:
            self.live[sink] = None
        return True

    def send_recent(self, sink: Sink, taken: int) -> bool:
        """Send what has no number and came since a snapshot; False when that is too long ago."""
        missed = self.arrived - taken
        if missed > len(self._recent):
            self._snapshot = None
            return False
        for frame in list(self._recent)[len(self._recent) - missed :]:
            sink.deliver(frame)
        return True

    def _fill_hints(self) -> None:
        head = self.head or {}
        if any(last > head.get(stream, 0) for stream, last in self._hints.items()):
            self._fill_soon(0.0)
        self._hints.clear()

    def leave(self, sink: Sink) -> None:
        """The inverse of `join`."""
        self.live.pop(sink, None)
        self.ahead.pop(sink, None)


def _is_behind(position: Position, head: Position) -> bool:
    return any(position.get(stream, 0) < last for stream, last in head.items())
