"""The stored form of log lines: pure functions, used where chunks are written and where read.

The *text* of a step is what its process wrote, in UTF-8, with a newline at the end of the last
line. A line over `MAX_LINE` bytes is numbered in pieces; all but its last are *continued*: the
text has no newline after them. A chunk stores every numbered line with a newline after it
(`data`, compressed) and, apart from it (`times`), when each line came and which are continued.

`times` is a list of unsigned LEB128 numbers: a format version (1), the time of the first line in
units of 10 ms since 1970, the number of runs, for each run its line count and the units that
passed since the run before (0 for the first), the number of continued lines, for each the distance
from the one before (from -1 for the first) among the lines of the chunk, counted from 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import zstandard

MAX_LINE = 64 * 1024
TIME_UNIT_MS = 10
_VERSION = 1
_LEVEL = 1
_MAX_TEXT = 64 * 1024 * 1024


class ChunkIsDamaged(Exception):
    """Stored bytes are not what this module wrote."""


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered line. `at_ms` is the time it was read, in milliseconds since 1970."""

    number: int
    at_ms: int
    text: str
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """The decoded form of `times`. `runs` are (line count, time in units of 10 ms since 1970)."""

    runs: Sequence[tuple[int, int]]
    continued: Sequence[int] = ()


def encode_times(times: Times) -> bytes:
    """Pack times; runs must be in order, a time before the one before it counts as equal to it."""
    start = times.runs[0][1] if times.runs else 0
    numbers = [_VERSION, start, len(times.runs)]
    last = start
    for count, at in times.runs:
        numbers += (count, max(0, at - last))
        last = max(last, at)
    numbers.append(len(times.continued))
    previous = -1
    for index in times.continued:
        numbers.append(index - previous)
        previous = index
    return _pack(numbers)


def decode_times(data: bytes) -> Times:
    """The inverse of `encode_times`.

    Raises:
        ChunkIsDamaged: `data` was not made by `encode_times`.
    """
    numbers = _unpack(data)
    try:
        version, at, run_count = next(numbers), next(numbers), next(numbers)
        if version != _VERSION:
            raise ChunkIsDamaged(f"times have format {version}, this version reads {_VERSION}")
        runs = []
        for _ in range(run_count):
            count = next(numbers)
            at += next(numbers)
            runs.append((count, at))
        index, continued = -1, []
        for _ in range(next(numbers)):
            index += next(numbers)
            continued.append(index)
    except StopIteration:
        raise ChunkIsDamaged("times end too early") from None
    return Times(runs, continued)


def compress(lines: bytes) -> bytes:
    """The `data` of a chunk. `lines` has a newline after every numbered line."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(lines)


def decompress(data: bytes) -> bytes:
    """The inverse of `compress`.

    Raises:
        ChunkIsDamaged: `data` is not a chunk, or its text is over 64 MiB.
    """
    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= _MAX_TEXT:
            raise ChunkIsDamaged(f"a chunk claims a text of {size} bytes")
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise ChunkIsDamaged(str(error)) from None


def digest(data: bytes, times: bytes) -> bytes:
    """16 bytes that name the content of a chunk, to tell a duplicate from a conflict."""
    return blake2b(len(times).to_bytes(8) + times + data, digest_size=16).digest()


def served_text(data: bytes, times: bytes) -> bytes:
    """The text of a chunk exactly as `.txt` serves it and as the digest of the step counts it."""
    return join_continued(decompress(data), decode_times(times).continued)


def join_continued(lines: bytes, continued: Sequence[int]) -> bytes:
    """Take away the newline after each continued line (indexes count from 0, ascending)."""
    if not continued:
        return lines
    parts, start, index = [], 0, 0
    for wanted in continued:
        end = start
        while index <= wanted:
            end = lines.index(b"\n", end) + 1
            index += 1
        parts.append(lines[start : end - 1])
        start = end
    parts.append(lines[start:])
    return b"".join(parts)


def lines_of(data: bytes, times: bytes, first_line: int) -> list[Line]:
    """The lines of a chunk with number, time and text, in order."""
    decoded = decode_times(times)
    texts = decompress(data).decode("utf-8", "replace").split("\n")[:-1]
    continued = frozenset(decoded.continued)
    stamps = [at * TIME_UNIT_MS for count, at in decoded.runs for _ in range(count)]
    if len(stamps) != len(texts):
        raise ChunkIsDamaged(f"{len(texts)} lines have {len(stamps)} times")
    return [
        Line(first_line + index, at_ms, text, index in continued)
        for index, (at_ms, text) in enumerate(zip(stamps, texts, strict=True))
    ]


def merge(chunks: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """One (`data`, `times`) that holds the lines of several consecutive chunks."""
    lines: list[bytes] = []
    runs: list[tuple[int, int]] = []
    continued: list[int] = []
    offset = 0
    for data, times in chunks:
        decoded = decode_times(times)
        lines.append(decompress(data))
        _extend_runs(runs, decoded.runs)
        continued += [offset + index for index in decoded.continued]
        offset += sum(count for count, _ in decoded.runs)
    return compress(b"".join(lines)), encode_times(Times(runs, continued))


def _extend_runs(runs: list[tuple[int, int]], more: Iterable[tuple[int, int]]) -> None:
    for count, at in more:
        if runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0] + count, at)
        else:
            runs.append((count, at))


def _pack(numbers: Iterable[int]) -> bytes:
    packed = bytearray()
    for number in numbers:
        while number > 0x7F:
            packed.append(number & 0x7F | 0x80)
            number >>= 7  # noqa: PLW2901  the loop consumes the number bit by bit
        packed.append(number)
    return bytes(packed)


def _unpack(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
        elif shift > 70:
            raise ChunkIsDamaged("a number in times is too long")
