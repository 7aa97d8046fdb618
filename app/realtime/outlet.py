"""The way out to one socket: direct where the server lets us, bounded always."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.realtime.frames import Frame

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BYTES = 8 * 1024 * 1024
"""What may wait for one socket, besides the number of frames."""
_ROOM = 8
"""With fewer waiting frames than this there is room for more history."""
_CLOSE_S = 5.0


class Outlet:
    """Frames to one socket, in order. `put` never blocks.

    While the transport takes more, a frame is written at once, without a task; else it waits. When
    too much waits, `overflowed` is called and what waits is forgotten.

    Parameters: `send` of the ASGI server; `max_frames` may wait.
    """

    def __init__(self, send: Send, *, max_frames: int, overflowed: Callable[[], None]) -> None:
        self._send = send
        self._max_frames = max_frames
        self._overflowed = overflowed
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._flushing: asyncio.Task[None] | None = None
        self._protocol = _uvicorn_protocol(send)
        self.is_closed = False

    def put(self, frame: Frame) -> None:
        """Write the frame now, or as soon as the client has read enough."""
        if self.is_closed:
            return
        protocol = self._protocol
        if protocol is not None and not self._waiting and protocol.writable.is_set():
            if not protocol.close_sent and not protocol.transport.is_closing():
                protocol.transport.write(frame.socket)
            return
        self._waiting.append(frame)
        self._bytes += len(frame.body)
        if len(self._waiting) > self._max_frames or self._bytes > MAX_BYTES:
            self.forget()
            self._overflowed()
            return
        if len(self._waiting) >= _ROOM:
            self._room.clear()
        self._flush_soon()

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self._bytes = 0
        self._room.set()

    async def drained(self) -> None:
        """Return when little waits."""
        if self._protocol is not None and not self._waiting:
            await self._protocol.writable.wait()
        await self._room.wait()

    def _flush_soon(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._waiting and not self.is_closed:
                await self._flush_one()
        except (OSError, RuntimeError):
            # Closed meanwhile: the receiving side hears of it.
            self.is_closed = True
            self.forget()

    async def _flush_one(self) -> None:
        if self._protocol is not None:
            await self._protocol.writable.wait()
        if not self._waiting:
            return
        frame = self._waiting.popleft()
        self._bytes -= len(frame.body)
        if len(self._waiting) < _ROOM:
            self._room.set()
        if self._protocol is None:
            await self._send({"type": "websocket.send", "text": frame.text})
        elif not self._protocol.close_sent and not self._protocol.transport.is_closing():
            self._protocol.transport.write(frame.socket)

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; a client that reads nothing is cut off after 5 s."""
        if self.is_closed:
            return
        self.is_closed = True
        self.forget()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except TimeoutError:
            if self._protocol is not None:
                self._protocol.transport.abort()
        except (OSError, RuntimeError):
            pass  # closed by the client meanwhile

    async def end(self) -> None:
        """Stop the writing task."""
        self.is_closed = True
        self.forget()
        while self._flushing is not None and not self._flushing.done():
            self._flushing.cancel()
            await asyncio.wait({self._flushing}, timeout=0.1)


def _uvicorn_protocol(send: Send) -> Any:
    """The protocol behind uvicorn's `send`, when it is one that we know how to write to.

    Its own `send` encodes each frame for each socket. Anything unknown, also a wrapped `send`,
    gives None: then frames go through `send`, which is slower and no less right.
    """
    protocol = getattr(send, "__self__", None)
    if type(protocol).__name__ != "WebSocketsSansIOProtocol":
        return None
    known = ("writable", "transport", "close_sent", "handshake_complete")
    return protocol if all(hasattr(protocol, name) for name in known) else None
