"""From the bytes of a process to numbered lines: split, interpret commands, mask, make UTF-8.

Works on whole blocks; a single line costs nothing by itself unless it may be a command or holds a
secret.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.core.log_chunks import MAX_LINE
from workers.runner.masking import Masker

CommandHandler = Callable[[bytes], bytes | None]
"""Given a line that begins with `::`, without its newline; answers what is shown instead: lines
with their newlines, possibly nothing; or None: it is no command, show it as it is."""

MAX_COMMAND = 1 << 20
_MAYBE_COMMAND = re.compile(rb"^[ \t]*::[^\n]*\n", re.MULTILINE)
_CONTINUATION = range(0x80, 0xC0)


@dataclass(frozen=True, slots=True)
class Block:
    """Numbered lines, each with a newline after it; `continued` as in `app.core.log_chunks`."""

    data: bytes
    count: int
    continued: tuple[int, ...] = ()


class LineSplitter:
    """Takes bytes as they come and gives blocks of lines. Keeps back at most one unfinished line,
    of which at most 64 KiB (1 MiB of a command) and the length of the longest secret."""

    def __init__(self, masker: Masker, on_command: CommandHandler | None = None) -> None:
        self._masker = masker
        self._on_command = on_command
        self._rest = b""
        self._inside_line = False

    def feed(self, data: bytes) -> Block | None:
        """The lines that are complete now, or enough of a very long one; None when there is
        nothing yet."""
        if self._rest:
            data = self._rest + data
        cut = data.rfind(b"\n") + 1
        self._rest = data[cut:]
        text = self._whole_lines(data[:cut]) if cut else b""
        pieces = self._pieces_of_the_rest()
        if not text and not pieces:
            return None
        return _block(text, pieces)

    def end(self) -> Block | None:
        """The last line, when the output did not end with a newline."""
        if not self._rest and not self._inside_line:
            return None
        text = self._whole_lines(self._rest + b"\n")
        self._rest = b""
        return _block(text, b"") if text else None

    def _whole_lines(self, data: bytes) -> bytes:
        inside, self._inside_line = self._inside_line, False
        if self._on_command is None or b"::" not in data:
            return _utf8(self._masker.mask(data))
        return _utf8(b"".join(self._interpreted(data, inside)))

    def _interpreted(self, data: bytes, inside: bool) -> Iterator[bytes]:
        assert self._on_command is not None
        done = 0
        for found in _MAYBE_COMMAND.finditer(data):
            if inside and found.start() == 0:
                continue
            # Masked before the command is looked at: it may add a mask, for later lines.
            before = self._masker.mask(data[done : found.start()])
            shown = self._on_command(found[0].strip(b"\r\n"))
            done = found.start() if shown is None else found.end()
            yield before
            yield shown or b""
        yield self._masker.mask(data[done:])

    def _pieces_of_the_rest(self) -> bytes:
        # Also the bytes of a character that is not complete yet.
        keep = max(self._masker.longest - 1, 4)
        limit = MAX_COMMAND if self._may_be_command() else MAX_LINE
        if len(self._rest) <= limit + keep:
            return b""
        masked = self._masker.mask(self._rest)
        cut = _character_start(masked, len(masked) - keep)
        self._rest = masked[cut:]
        self._inside_line = True
        return _utf8(masked[:cut])

    def _may_be_command(self) -> bool:
        return (
            self._on_command is not None
            and not self._inside_line
            and self._rest[:64].lstrip(b" \t").startswith(b"::")
        )


def _block(text: bytes, unfinished: bytes) -> Block:
    """Lines that are whole, then the beginning of one that goes on in the next block."""
    parts: list[bytes] = []
    continued: list[int] = []
    count = start = 0
    for where in _long_lines(text):
        parts.append(text[start:where])
        count += text.count(b"\n", start, where)
        parts.append(b"\n")
        continued.append(count)
        count += 1
        start = where
    parts.append(text[start:])
    count += text.count(b"\n", start)
    for piece in _pieces(unfinished):
        parts += (piece, b"\n")
        continued.append(count)
        count += 1
    return Block(b"".join(parts), count, tuple(continued))


def _long_lines(text: bytes) -> Iterator[int]:
    """The places where a line has to be cut, looking at one place per 64 KiB."""
    at = 0
    while len(text) - at > MAX_LINE:
        newline = text.rfind(b"\n", at, at + MAX_LINE + 1)
        if newline >= 0:
            at = newline + 1
        else:
            at = _character_start(text, at + MAX_LINE)
            yield at


def _pieces(text: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(text):
        stop = _character_start(text, start + MAX_LINE)
        yield text[start:stop]
        start = stop


def _character_start(text: bytes, at: int) -> int:
    """The last place up to `at` where a character may begin, so that none is cut in two."""
    if at >= len(text):
        return len(text)
    for place in range(at, max(at - 4, 0), -1):
        if text[place] not in _CONTINUATION:
            return place
    return at


def _utf8(data: bytes) -> bytes:
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data
