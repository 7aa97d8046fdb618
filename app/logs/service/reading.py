"""A page of numbered lines: bounded in lines and in bytes, two statements whatever the size."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.db import ReadSession
from app.core.log_chunks import Line
from app.logs.parts import LogPosition, Part
from app.logs.pieces import piece_of
from app.logs.repository.reading import ChunkSize, LogRepository, StoredChunk

MAX_LINES = 10_000
MAX_BYTES = 4 * 1024 * 1024
"""Text of one page; at least one chunk (about 1 MiB) is always read."""
_CHUNKS = 1_000


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of consecutive parts. `next` is where to go on; None at the end of what is stored."""

    lines: list[tuple[Part, Line]]
    next: LogPosition | None


@dataclass(frozen=True, slots=True)
class _Range:
    steps: Sequence[Part]
    first_line: int
    last_line: int


async def read_lines(
    session: ReadSession, parts: Sequence[Part], start: LogPosition, *, limit: int
) -> Lines:
    """The lines from `start` on.

    Parameters: `limit` is at most `MAX_LINES`; fewer lines come when they are long.
    Raises: ChunkIsDamaged.
    """
    first_line = start.line
    wanted = [part for part in parts[start.part :] if part.may_have_lines]
    if not wanted or wanted[0] is not parts[start.part]:
        first_line = 1
    # Every part has a line at least, but for those that run.
    wanted = wanted[: limit + 1]
    if not wanted:
        return Lines([], None)
    repository = LogRepository(session)
    sizes = await repository.sizes(
        [part.step_id for part in wanted], first_line=first_line, limit=_CHUNKS
    )
    if not sizes:
        return Lines([], None)
    chosen = _choose(wanted, sizes, first_line, limit)
    chunks = await repository.chunks(
        [part.step_id for part in chosen.steps],
        first_line=chosen.first_line,
        last_line=chosen.last_line,
    )
    lines = list(_lines(chosen, chunks, limit))
    return Lines(lines, _next(parts, lines, sizes))


def _choose(
    parts: Sequence[Part], sizes: Sequence[ChunkSize], first_line: int, limit: int
) -> _Range:
    """As many chunks as fit the page."""
    steps = {part.step_id: part for part in parts}
    lines = size = 0
    chosen: dict[Part, int] = {}
    for chunk in sizes:
        if chosen and (lines >= limit or size + chunk.raw_bytes > MAX_BYTES):
            break
        part = steps[chunk.step_id]
        begin = first_line if part is parts[0] else 1
        last = chunk.first_line + chunk.line_count - 1
        lines += last - max(begin, chunk.first_line) + 1
        size += chunk.raw_bytes
        chosen[part] = last
    first = next(iter(chosen))
    last_line = next(reversed(chosen.values()))
    return _Range(list(chosen), first_line if first is parts[0] else 1, last_line)


def _lines(
    chosen: _Range, chunks: Sequence[StoredChunk], limit: int
) -> Iterator[tuple[Part, Line]]:
    of_step: dict[uuid.UUID, list[StoredChunk]] = defaultdict(list)
    for chunk in chunks:
        of_step[chunk.step_id].append(chunk)
    for number, part in enumerate(chosen.steps):
        start = chosen.first_line if number == 0 else 1
        for chunk in of_step[part.step_id]:
            if limit <= 0:
                return
            piece = piece_of(
                chunk.data,
                chunk.times,
                first_line=chunk.first_line,
                line_count=chunk.line_count,
                start=start,
                end=max(start, chunk.first_line) + limit - 1,
            )
            limit -= piece.line_count
            yield from ((part, line) for line in piece.numbered())


def _next(
    parts: Sequence[Part], lines: Sequence[tuple[Part, Line]], sizes: Sequence[ChunkSize]
) -> LogPosition | None:
    part, line = lines[-1]
    last = sizes[-1]
    at_end = part.step_id == last.step_id and line.number >= last.first_line + last.line_count - 1
    number = parts.index(part)
    if at_end and len(sizes) < _CHUNKS and not _more(parts[number + 1 :]):
        return None
    return LogPosition(number, line.number + 1)


def _more(parts: Sequence[Part]) -> bool:
    return any(part.may_have_lines for part in parts)
