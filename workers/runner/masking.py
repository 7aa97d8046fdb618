"""Secrets become `***`, in the forms in which they usually reach a log."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

MASK = b"***"
SHORTEST = 3
_SHORTEST_ENCODED = 4


class Masker:
    """Replaces secrets. Every line of a secret is one by itself; under three characters none is.

    Blocks must end at the end of a line, or keep back the last `longest - 1` bytes of an unfinished
    one: a secret that lies across two blocks would not be seen.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.longest = 1
        self._forms: dict[bytes, int] = {}
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> bool:
        """Mask this from now on; False when it is too short to be masked."""
        lines = [line.strip() for line in secret.splitlines()] or [secret]
        usable = [line for line in lines if len(line) >= SHORTEST]
        if not usable:
            return False
        for form in {form for value in {*usable, secret.strip()} for form in _forms_of(value)}:
            if b"\n" not in form:
                self._forms[form] = _period(form)
                self.longest = max(self.longest, len(form))
        return True

    def mask(self, block: bytes) -> bytes:
        """The block with every secret replaced; secrets that overlap become one `***`."""
        spans = [
            span
            for form, period in self._forms.items()
            if form in block
            for span in _spans(block, form, period)
        ]
        if not spans:
            return block
        parts, end = [], 0
        for start, stop in _merged(sorted(spans)):
            parts.append(block[end:start])
            end = stop
        parts.append(block[end:])
        return MASK.join(parts)

    def text(self, text: str, most: int | None = None) -> str:
        """The same for text that is no log: outputs, summaries, annotations, reasons.

        Parameters: `most` is how many characters the result may have.
        """
        # An expression can make half a surrogate pair, which no database takes.
        masked = self.mask(text.encode("utf-8", "replace")).decode()
        if most is not None and len(masked) > most:
            return masked[: most - 1] + "\u2026"
        return masked


def _forms_of(value: str) -> Iterator[bytes]:
    raw = value.encode("utf-8", "replace")
    yield raw
    yield quote(value, safe="", errors="replace").encode()
    yield quote(value, errors="replace").encode()
    yield quote_plus(value, errors="replace").encode()
    yield json.dumps(value)[1:-1].encode()
    yield json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "replace")
    yield escape(value).encode("utf-8", "replace")
    yield value.replace("'", "''").encode("utf-8", "replace")
    yield from (form for form in _base64_forms(raw) if len(form) >= _SHORTEST_ENCODED)


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    """Base64 of the secret alone, and what is always the same when other bytes stand around it."""
    yield base64.b64encode(raw)
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        padded = b"\0" * before + raw
        sure = len(padded) * 8 // 6
        yield base64.b64encode(padded)[unsure:sure]
        yield base64.urlsafe_b64encode(padded)[unsure:sure]


def _period(form: bytes) -> int:
    """The least distance at which two occurrences can overlap."""
    for shift in range(1, len(form)):
        if form.startswith(form[shift:]):
            return shift
    return len(form)


def _spans(block: bytes, form: bytes, period: int) -> Iterator[tuple[int, int]]:
    start = block.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = block.find(form, start + period)


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, stop = spans[0]
    for next_start, next_stop in spans[1:]:
        if next_start >= stop:
            yield start, stop
            start, stop = next_start, next_stop
        else:
            stop = max(stop, next_stop)
    yield start, stop
