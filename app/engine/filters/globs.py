"""GitHub's filter patterns, matched in linear time.

Documentation "Workflow syntax", Filter pattern cheat sheet: `*` is any text without `/`, `**` any
text, `?` none or one of the preceding character, `+` one or more of it, `[]` one of a set, `\\`
makes the next character ordinary, and `**/` at the beginning of a folder also means no folder.

A pattern becomes a small automaton whose reachable states are kept as the bits of one integer and
whose steps are remembered, so that no pattern can take exponential time, as it could with `re`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

MAX_LENGTH = 1024
_REMEMBERED_STEPS = 2_000


class InvalidPattern(ValueError):
    """A pattern that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class _Characters:
    """The characters that one place of a pattern accepts."""

    listed: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()
    inverted: bool = False

    def accept(self, character: str) -> bool:
        found = character in self.listed or any(
            low <= character <= high for low, high in self.ranges
        )
        return found is not self.inverted


_ANYTHING = _Characters(inverted=True)
_NO_SLASH = _Characters(frozenset("/"), inverted=True)
_SLASH = _Characters(frozenset("/"))


@dataclass(frozen=True, slots=True)
class _Place:
    """One element of a pattern. `folders` marks a `**/` that may also stand for nothing."""

    characters: _Characters
    least: int = 1
    most: int | None = 1
    folders: bool = False


def _places(pattern: str) -> list[_Place]:
    if len(pattern) > MAX_LENGTH:
        raise InvalidPattern(f"a pattern has at most {MAX_LENGTH} characters")
    places: list[_Place] = []
    at = 0
    while at < len(pattern):
        place, at = _next_place(pattern, at, places)
        if place is None:
            _quantify(places, pattern, at - 1)
        else:
            places.append(place)
    return places


def _next_place(pattern: str, at: int, before: list[_Place]) -> tuple[_Place | None, int]:
    """The element at `at` and the offset after it; None for a quantifier."""
    character = pattern[at]
    if character in "?+":
        return None, at + 1
    if character == "*":
        return _star(pattern, at)
    if character == "[":
        return _set(pattern, at)
    if character == "\\":
        if at + 1 == len(pattern):
            raise InvalidPattern("the pattern ends with '\\', which makes nothing ordinary")
        return _Place(_Characters(frozenset(pattern[at + 1]))), at + 2
    return _Place(_Characters(frozenset(character))), at + 1


def _star(pattern: str, at: int) -> tuple[_Place, int]:
    end = at
    while end < len(pattern) and pattern[end] == "*":
        end += 1
    if end - at == 1:
        return _Place(_NO_SLASH, 0, None), end
    begins_folder = at == 0 or pattern[at - 1] == "/"
    if begins_folder and pattern[end : end + 1] == "/":
        return _Place(_ANYTHING, 0, None, folders=True), end + 1
    return _Place(_ANYTHING, 0, None), end


def _set(pattern: str, at: int) -> tuple[_Place, int]:
    end = pattern.find("]", at + 1)
    if end < 0:
        raise InvalidPattern("'[' has no ']'; write '\\[' for the character itself")
    body = pattern[at + 1 : end]
    if not body:
        raise InvalidPattern("'[]' lists no characters")
    listed: set[str] = set()
    ranges: list[tuple[str, str]] = []
    index = 0
    while index < len(body):
        if body[index + 1 : index + 2] == "-" and index + 2 < len(body):
            low, high = body[index], body[index + 2]
            if low > high:
                raise InvalidPattern(f"the range '{low}-{high}' runs backwards")
            ranges.append((low, high))
            index += 3
        else:
            listed.add(body[index])
            index += 1
    return _Place(_Characters(frozenset(listed), tuple(ranges))), end + 1


def _quantify(places: list[_Place], pattern: str, at: int) -> None:
    if not places:
        raise InvalidPattern(f"'{pattern[at]}' repeats the preceding character, but there is none")
    last = places[-1]
    if pattern[at] == "?":
        places[-1] = _Place(last.characters, 0, last.most, last.folders)
    else:
        places[-1] = _Place(last.characters, last.least, None, last.folders)


class Glob:
    """A compiled pattern, without a leading `!`.

    Raises:
        InvalidPattern: when it cannot be read.
    """

    def __init__(self, pattern: str) -> None:
        self._moves: list[list[tuple[_Characters, int]]] = [[]]
        self._jumps: list[list[int]] = [[]]
        end = 0
        for place in _places(pattern):
            end = self._add(place, end)
        self._end = 1 << end
        self._start = self._closure(1)
        self._steps: dict[tuple[int, str], int] = {}

    def _state(self) -> int:
        self._moves.append([])
        self._jumps.append([])
        return len(self._moves) - 1

    def _add(self, place: _Place, start: int) -> int:
        if place.folders:
            loop, end = self._state(), self._state()
            self._jumps[start] += [loop, end]
            self._moves[loop] += [(place.characters, loop), (_SLASH, end)]
            return end
        end = self._state()
        if place.least == 0:
            self._jumps[start].append(end)
        if place.least == 1 or place.most == 1:
            self._moves[start].append((place.characters, end))
        if place.most is None:
            self._moves[end].append((place.characters, end))
        return end

    def _closure(self, states: int) -> int:
        pending = list(_bits(states))
        while pending:
            for target in self._jumps[pending.pop()]:
                if not states >> target & 1:
                    states |= 1 << target
                    pending.append(target)
        return states

    def _step(self, states: int, character: str) -> int:
        reached = 0
        for state in _bits(states):
            for characters, target in self._moves[state]:
                if not reached >> target & 1 and characters.accept(character):
                    reached |= 1 << target
        return self._closure(reached)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches. Takes time linear in its length."""
        states, steps = self._start, self._steps
        for character in text:
            following = steps.get((states, character))
            if following is None:
                if len(steps) >= _REMEMBERED_STEPS:
                    steps.clear()
                following = steps[states, character] = self._step(states, character)
            states = following
            if not states:
                return False
        return bool(states & self._end)


def _bits(states: int) -> Iterable[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Glob:
    """The automaton of a pattern, remembered.

    Raises:
        InvalidPattern: when it cannot be read.
    """
    return Glob(pattern)


@lru_cache(maxsize=1024)
def refusal(pattern: str) -> str | None:
    """Why this filter pattern (with its `!`, if any) cannot be used, or None."""
    body = pattern.removeprefix("!")
    if not body:
        return "'!' excludes nothing: a pattern must follow it"
    try:
        _places(body)
    except InvalidPattern as error:
        return f"'{pattern[:60]}' is not a filter pattern: {error}"
    return None


def included(patterns: Iterable[str], text: str) -> bool:
    """Whether an ordered list of patterns includes a text: the last pattern that matches decides.

    Raises:
        InvalidPattern: when a pattern cannot be read; `refusal` tells before.
    """
    result = False
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if excludes is result and compiled(pattern.removeprefix("!")).matches(text):
            result = not excludes
    return result
