"""The log of one step attempt: bytes in, compressed chunks of numbered lines out."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.core import log_chunks
from app.core.log_chunks import Times
from workers.runner.lines import Block, CommandHandler, LineSplitter
from workers.runner.masking import Masker
from workers.runner.ports import Chunk

CHUNK_BYTES = 1 << 20
CHUNK_EVERY_S = 0.1
MAX_LOG_BYTES = 256 << 20
_THREAD_FROM = 64 << 10

PutChunk = Callable[[Chunk], Awaitable[None]]
"""Takes a chunk; waits when too much is under way, which makes the process wait in turn."""


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What the whole text of a step is: `sha256` (hex) is of exactly the bytes served."""

    lines: int
    bytes: int
    sha256: str


class StepLog:
    """Numbers lines from 1 and cuts a chunk every 100 ms or 1 MiB, whichever is first."""

    def __init__(
        self,
        step_index: int,
        step_attempt: int,
        masker: Masker,
        put: PutChunk,
        *,
        on_command: CommandHandler | None = None,
        max_bytes: int = MAX_LOG_BYTES,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._index = step_index
        self._attempt = step_attempt
        self._put = put
        self._max_bytes = max_bytes
        self._now_ns = now_ns
        self._splitter = LineSplitter(masker, on_command)
        self._buffer = _Buffer()
        self._digest = hashlib.sha256()
        self._chunks = self._lines = self._bytes = self._taken = 0
        self._full = self._open = False
        self._timer: asyncio.TimerHandle | None = None
        self._cutting: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def feed(self, data: bytes) -> None:
        """Take output. Waits while chunks cannot be put away, so memory stays bounded."""
        self._take(self._splitter.feed(data))
        if self._buffer.size >= CHUNK_BYTES:
            await self._cut()
        self._raise_if_cutting_failed()

    async def note(self, text: str) -> None:
        """Add a line of the runner's own."""
        await self.feed(text.encode("utf-8", "replace") + b"\n")

    async def close(self) -> LogSummary:
        """Put away what is left; the log is over."""
        self._take(self._splitter.end())
        if self._timer is not None:
            self._timer.cancel()
        await self._cut()
        return LogSummary(self._lines, self._bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """The claim is lost: put nothing away any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._cutting is not None:
            self._cutting.cancel()

    def _take(self, block: Block | None) -> None:
        if block is None or self._full or not block.count:
            return
        self._taken += len(block.data)
        if self._taken > self._max_bytes:
            self._full = True
            notice = _notice(self._max_bytes)
            block = Block(b"\n" + notice, 2) if self._open else Block(notice, 1)
        self._open = bool(block.continued) and block.continued[-1] == block.count - 1
        self._buffer.add(block, self._now_ns() // (log_chunks.TIME_UNIT_MS * 1_000_000))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(CHUNK_EVERY_S, self._cut_in_background)

    def _cut_in_background(self) -> None:
        self._timer = None
        if self._cutting is None or self._cutting.done():
            self._raise_if_cutting_failed()
            self._cutting = asyncio.get_running_loop().create_task(self._cut())

    def _raise_if_cutting_failed(self) -> None:
        if self._cutting is not None and self._cutting.done():
            done, self._cutting = self._cutting, None
            done.result()

    async def _cut(self) -> None:
        async with self._lock:
            buffer, self._buffer = self._buffer, _Buffer()
            if not buffer.count:
                return
            if buffer.size >= _THREAD_FROM:
                chunk = await asyncio.to_thread(self._seal, buffer)
            else:
                chunk = self._seal(buffer)
            await self._put(chunk)

    def _seal(self, buffer: "_Buffer") -> Chunk:
        lines = b"".join(buffer.parts)
        text = log_chunks.join_continued(lines, buffer.continued)
        self._digest.update(text)
        data = log_chunks.compress(lines)
        times = log_chunks.encode_times(Times(buffer.runs, buffer.continued))
        self._chunks += 1
        first_line = self._lines + 1
        self._lines += buffer.count
        self._bytes += len(text)
        return Chunk(
            self._index,
            self._attempt,
            self._chunks,
            first_line,
            buffer.count,
            data,
            len(text),
            log_chunks.digest(data, times),
            times,
        )


class _Buffer:
    """Lines that are not in a chunk yet."""

    __slots__ = ("continued", "count", "parts", "runs", "size")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.runs: list[tuple[int, int]] = []
        self.continued: list[int] = []
        self.count = 0
        self.size = 0

    def add(self, block: Block, at: int) -> None:
        self.parts.append(block.data)
        self.continued += [self.count + index for index in block.continued]
        if self.runs and self.runs[-1][1] >= at:
            self.runs[-1] = (self.runs[-1][0] + block.count, self.runs[-1][1])
        else:
            self.runs.append((block.count, at))
        self.count += block.count
        self.size += len(block.data)


def _notice(limit: int) -> bytes:
    return (
        f"##[warning]This log reached its limit of {limit >> 20} MiB. What the step printed after"
        " this line was not kept.\n"
    ).encode()
