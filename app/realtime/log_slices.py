"""Stored chunks as events of a bearable size, from any line on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.events import LogWritten, log_written

MAX_TEXT = 256 * 1024
"""Characters of text in one frame; clients often refuse messages over 1 MiB."""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A row of `log_chunks` with what its step is."""

    job_id: UUID
    step_id: UUID
    index: int
    attempt: int
    first_line: int
    line_count: int
    raw_bytes: int
    data: bytes
    times: bytes


def events_of_chunk(chunk: StoredChunk, *, from_line: int = 1) -> Iterator[LogWritten]:
    """The lines of a chunk from `from_line` on, in events of at most 256 KiB of text.

    Raises: ChunkIsDamaged.
    """
    whole = log_written(
        job_id=chunk.job_id,
        step_id=chunk.step_id,
        index=chunk.index,
        attempt=chunk.attempt,
        first_line=chunk.first_line,
        line_count=chunk.line_count,
        raw_bytes=chunk.raw_bytes,
        data=chunk.data,
        times=chunk.times,
        whole=True,
    )
    text = whole.text or ""
    if from_line <= chunk.first_line and len(text) <= MAX_TEXT:
        yield whole
        return
    # Only a newline ends a line: `splitlines` knows many more characters.
    lines = [f"{line}\n" for line in text.split("\n")[:-1]]
    start = max(0, from_line - chunk.first_line)
    while start < len(lines):
        end, size = start, 0
        while end < len(lines) and (end == start or size + len(lines[end]) <= MAX_TEXT):
            size += len(lines[end])
            end += 1
        yield slice_of(whole, lines, start, end)
        start = end


def slice_of(event: LogWritten, lines: Sequence[str], start: int, end: int) -> LogWritten:
    """Lines `start` to `end` (from 0, without `end`) of an event."""
    return event.model_copy(
        update={
            "first_line": event.first_line + start,
            "line_count": end - start,
            "text": "".join(lines[start:end]),
            "times": list(_runs(event.times, start, end)),
            "continued": [line - start for line in event.continued if start <= line < end],
        }
    )


def _runs(runs: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = 0
    for count, at in runs:
        shared = min(end, begin + count) - max(start, begin)
        if shared > 0:
            yield shared, at
        begin += count
