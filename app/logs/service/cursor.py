"""Where a follower is in each step, and what brings it further."""

import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from app.core.db import Database
from app.engine.states import StepStatus
from app.events import LogWritten, Message
from app.logs import frames
from app.logs.inbox import Inbox
from app.logs.parts import Part
from app.logs.pieces import piece_of
from app.logs.repository.reading import LogRepository, StoredChunk

SILENCE_S = 2.0
"""After this long without a message the database is asked."""
_CHUNKS_AT_ONCE = 4


@dataclass(slots=True)
class Cursor:
    """`next_line` and `number` (of the last chunk read) say where it is in each step."""

    heartbeat_s: float = 20.0
    next_line: dict[uuid.UUID, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    number: dict[uuid.UUID, int] = field(default_factory=lambda: defaultdict(int))
    _begun: set[uuid.UUID] = field(default_factory=set)
    _told: set[uuid.UUID] = field(default_factory=set)
    _sent_at: float = field(default_factory=time.monotonic)

    def resume(self, parts: Sequence[Part], part: int, line: int) -> None:
        """Begin at `line` of `parts[part]`; the client has read the parts before it."""
        for earlier in parts[:part]:
            self._told.add(earlier.step_id)
        here = parts[part].step_id
        self.next_line[here] = max(1, line)
        if line > 1:
            self._begun.add(here)

    def is_done(self, part: Part) -> bool:
        """True when the client knows all of a step, its end included."""
        return part.step_id in self._told

    async def catch_up(self, database: Database, part: Part) -> AsyncIterator[bytes]:
        """Everything that is stored of a step, then its end if it has ended.

        Raises: ChunkIsDamaged, Unavailable.
        """
        if self.is_done(part) or part.status is StepStatus.PENDING:
            return
        if part.step_id not in self._begun and part.status is not StepStatus.SKIPPED:
            self._begun.add(part.step_id)
            yield frames.step_event(part, status=StepStatus.RUNNING)
        while self._may_go_on(part) and (chunks := await self._read(database, part)):
            for chunk in chunks:
                for frame in self._stored(part, chunk):
                    yield frame
        if part.has_ended:
            self._told.add(part.step_id)
            yield frames.step_event(part)

    async def live(self, inbox: Inbox, parts: Sequence[Part]) -> AsyncIterator[bytes]:
        """Pass on messages that go on exactly here; ends when the database must be asked."""
        running = {str(part.step_id): part for part in parts if not part.has_ended}
        while message := await inbox.next(SILENCE_S):
            if message.type != LogWritten.type:
                return
            part = running.get(message.stream)
            if part is None or part.step_id not in self._begun:
                return
            here = self.next_line[part.step_id]
            if message.last is None or message.last < here:
                continue
            if message.first != here or not message.body:
                return
            self.next_line[part.step_id] = message.last + 1
            yield self.sent(_frame(message, message.last))
        if time.monotonic() - self._sent_at >= self.heartbeat_s:
            yield self.sent(frames.HEARTBEAT)

    def sent(self, frame: bytes) -> bytes:
        """Note that the client hears something now."""
        self._sent_at = time.monotonic()
        return frame

    def _may_go_on(self, part: Part) -> bool:
        return part.lines is None or self.next_line[part.step_id] <= part.lines

    async def _read(self, database: Database, part: Part) -> list[StoredChunk]:
        async with database.read() as session:
            return await LogRepository(session).chunks_after(
                part.step_id,
                number=self.number[part.step_id],
                first_line=self.next_line[part.step_id],
                limit=_CHUNKS_AT_ONCE,
                ended=part.has_ended,
            )

    def _stored(self, part: Part, chunk: StoredChunk) -> Iterator[bytes]:
        piece = piece_of(
            chunk.data,
            chunk.times,
            first_line=chunk.first_line,
            line_count=chunk.line_count,
            start=self.next_line[part.step_id],
        )
        self.number[part.step_id] = chunk.number
        self.next_line[part.step_id] = piece.next_line
        for frame in frames.events_of_piece(part, chunk, piece):
            yield self.sent(frame)


def _frame(message: Message, last: int) -> bytes:
    return frames.log_event(message.body, message.stream, last)
