"""Some of the lines of a chunk: pure functions over what is stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.log_chunks import (
    TIME_UNIT_MS,
    ChunkIsDamaged,
    Line,
    Times,
    decode_times,
    decompress,
    join_continued,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive lines. `lines` has a newline after every numbered line."""

    first_line: int
    line_count: int
    lines: bytes
    times: Times

    @property
    def next_line(self) -> int:
        """The number of the line after the last one."""
        return self.first_line + self.line_count

    def text(self) -> bytes:
        """The lines as `.txt` serves them."""
        return join_continued(self.lines, self.times.continued)

    def split(self, max_bytes: int) -> Iterator["Piece"]:
        """The same lines in pieces of at most `max_bytes`, but for single longer lines."""
        begin, low = 0, 0
        while begin < len(self.lines):
            end = self.lines.rfind(b"\n", begin, begin + max_bytes) + 1
            if end <= begin:
                end = self.lines.find(b"\n", begin) + 1 or len(self.lines)
            count = self.lines.count(b"\n", begin, end)
            yield self._cut(self.lines[begin:end], low, low + count)
            begin, low = end, low + count

    def _cut(self, lines: bytes, low: int, high: int) -> "Piece":
        return Piece(
            self.first_line + low,
            high - low,
            lines,
            Times(
                list(_runs(self.times.runs, low, high)),
                [index - low for index in self.times.continued if low <= index < high],
            ),
        )

    def between(self, start: int, end: int | None) -> "Piece":
        """The lines with numbers from `start` to `end` (included; None: to its end).

        Raises: ChunkIsDamaged.
        """
        low = max(0, start - self.first_line)
        high = self.line_count if end is None else min(self.line_count, end + 1 - self.first_line)
        if low == 0 and high == self.line_count:
            return self
        begin = _offset(self.lines, 0, low)
        return self._cut(self.lines[begin : _offset(self.lines, begin, high - low)], low, high)

    def numbered(self) -> list[Line]:
        """The lines one by one.

        Raises: ChunkIsDamaged.
        """
        texts = self.lines.decode("utf-8", "replace").split("\n")[:-1]
        stamps = [at * TIME_UNIT_MS for count, at in self.times.runs for _ in range(count)]
        if len(stamps) != len(texts):
            raise ChunkIsDamaged(f"{len(texts)} lines have {len(stamps)} times")
        continued = frozenset(self.times.continued)
        return [
            Line(self.first_line + index, at_ms, text, index in continued)
            for index, (at_ms, text) in enumerate(zip(stamps, texts, strict=True))
        ]


def piece_of(
    data: bytes,
    times: bytes,
    *,
    first_line: int,
    line_count: int,
    start: int = 1,
    end: int | None = None,
) -> Piece:
    """The lines of a chunk from `start` to `end` (included; None: to its end).

    Parameters: `data` and `times` as `app.core.log_chunks` makes them; `first_line` and
    `line_count` say which lines they hold.
    Raises: ChunkIsDamaged.
    """
    whole = Piece(first_line, line_count, decompress(data), decode_times(times))
    return whole.between(start, end)


def _offset(lines: bytes, begin: int, count: int) -> int:
    """Where `count` lines after the offset `begin` end."""
    try:
        for _ in range(count):
            begin = lines.index(b"\n", begin) + 1
    except ValueError:
        raise ChunkIsDamaged("a chunk has fewer lines than it says") from None
    return begin


def _runs(runs: Sequence[tuple[int, int]], low: int, high: int) -> Iterator[tuple[int, int]]:
    begin = 0
    for count, at in runs:
        shared = min(high, begin + count) - max(low, begin)
        if shared > 0:
            yield shared, at
        begin += count
