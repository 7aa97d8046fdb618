"""The same topics as server-sent events; `Last-Event-ID` resumes as `since` does on sockets."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from app.auth.principals import Principal
from app.core.clock import utcnow
from app.core.errors import AnsFlowError
from app.realtime.codes import MEANING, CloseCode
from app.realtime.entry import Realtime
from app.realtime.frames import Frame, control
from app.realtime.topics import TopicName, parse_topic

_ROOM = 8


class Stream:
    """One event stream of one topic; a client that reads too slowly is told to come again."""

    transport = "stream"

    def __init__(self, realtime: Realtime, principal: Principal, name: TopicName) -> None:
        self.principal = principal
        self.kind = name.kind.value
        self._realtime, self._name = realtime, name
        self._waiting: deque[Frame] = deque()
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._ended = False

    @property
    def watched(self) -> tuple[TopicName, ...]:
        return () if self._ended else (self._name,)

    def deliver(self, frame: Frame) -> None:
        if self._ended:
            return
        self._waiting.append(frame)
        self._more.set()
        if len(self._waiting) > self._realtime.options.queue_frames:
            self._waiting.clear()
            self._realtime.hub.resyncs += 1
            self._end(control("resync", topics=[str(self._name)], detail="too slow: come again"))
        elif len(self._waiting) >= _ROOM:
            self._room.clear()

    async def drained(self) -> None:
        await self._room.wait()

    def lose(self, name: TopicName) -> None:
        self._end(control("revoked", str(name), detail="you may no longer watch this"))

    def close(self, code: CloseCode) -> None:
        self._end(control("closed", str(self._name), code=int(code), detail=MEANING[code]))

    def _end(self, last: Frame) -> None:
        if not self._ended:
            self._ended = True
            self._waiting.append(last)
            self._more.set()
            self._room.set()

    async def events(self, since: str | None) -> AsyncIterator[bytes]:
        """What the client gets, until it goes or we end it."""
        hub, connections = self._realtime.hub, self._realtime.connections
        connections.add(self)
        subscribing = asyncio.create_task(self._subscribe(since))
        timers = self._timers()
        try:
            yield b": welcome\n\n"
            while True:
                await self._more.wait()
                self._more.clear()
                while self._waiting:
                    yield self._waiting.popleft().stream
                    if len(self._waiting) < _ROOM:
                        self._room.set()
                if self._ended:
                    return
        finally:
            for timer in timers:
                timer.cancel()
            connections.remove(self)
            if subscribing.done():
                hub.unsubscribe(self, self._name)
            subscribing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await subscribing

    async def _subscribe(self, since: str | None) -> None:
        try:
            await self._realtime.hub.subscribe(self, self._name, since=since)
        except AnsFlowError as error:
            self._end(control("error", str(self._name), code=error.code, detail=error.detail))

    def _timers(self) -> list[asyncio.TimerHandle]:
        loop = asyncio.get_running_loop()
        timers = [
            loop.call_later(self._realtime.options.max_lifetime_s, self.close, CloseCode.RECONNECT)
        ]
        if self.principal.expires_at is not None:
            left_s = max(0.0, (self.principal.expires_at - utcnow()).total_seconds())
            timers.append(loop.call_later(left_s, self.close, CloseCode.CREDENTIAL_ENDED))
        return timers


async def stream_topic(
    realtime: Realtime, principal: Principal, topic: str, since: str | None
) -> StreamingResponse:
    """Stream a topic.

    Raises: TopicIsUnknown, also when the caller may not know of it; Unavailable.
    """
    name = parse_topic(topic)
    await realtime.access.require(principal, name)
    stream = Stream(realtime, principal, name)
    return StreamingResponse(
        stream.events(since),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
