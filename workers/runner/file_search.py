"""Finds files of a job by patterns as the toolkit of GitHub's own actions does (@actions/glob).

`*`, `?` and `[…]` stay within a name, `**` goes down any number of folders, `!` takes matches away
again, `~` is the home of the job; a pattern that means a folder means everything in it. The listing
is made by a process of the job, so that it sees what the job may see and nothing else.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.executors.base import Command, Process, Sandbox

MAX_LISTING = 128 << 20
_WILD = re.compile(r"[*?[]")
_LIST = 'exec find "$@" -print0 2>/dev/null'


class PatternsAreInvalid(Exception):
    """The text says why."""


class TooManyFiles(Exception):
    """The listing is larger than can be."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line. `base` is the part before the first wildcard."""

    takes_away: bool
    base: Path
    parts: tuple[re.Pattern[str] | None, ...]
    """What has to match each name of a path; None is `**`."""

    def matches(self, names: Sequence[str]) -> bool:
        """Whether the path of these names, or a folder above it, matches."""
        states = self._closure({0})
        for name in names:
            if len(self.parts) in states:
                return True
            states = self._closure(self._step(states, name))
        return len(self.parts) in states

    def _step(self, states: set[int], name: str) -> set[int]:
        following = set()
        for state in states:
            part = self.parts[state]
            if part is None:
                following.add(state)
            elif part.match(name):
                following.add(state + 1)
        return following

    def _closure(self, states: set[int]) -> set[int]:
        """With the states that are reached because a `**` may stand for no folder at all."""
        closed = set(states)
        for state in states:
            skipped = state
            while skipped < len(self.parts) and self.parts[skipped] is None:
                skipped += 1
                closed.add(skipped)
        return closed


@dataclass(frozen=True, slots=True)
class Search:
    """All lines of an input. `hidden` includes names that begin with a dot."""

    patterns: tuple[Pattern, ...]
    hidden: bool = True
    bases: tuple[Path, ...] = field(default=())

    def select(self, listed: Sequence[str]) -> list[Path]:
        """Those of the listed paths that match, in order, each once."""
        return [Path(path) for path in sorted(set(listed)) if self._wants(path)]

    def _wants(self, path: str) -> bool:
        names = path.split("/")[1:]
        if not self.hidden and self._is_hidden(path):
            return False
        wanted = False
        for pattern in self.patterns:
            if pattern.takes_away is wanted and pattern.matches(names):
                wanted = not pattern.takes_away
        return wanted

    def _is_hidden(self, path: str) -> bool:
        for base in self.bases:
            if path == str(base) or path.startswith(f"{base}/"):
                below = path[len(str(base.parent)) :]
                return any(name.startswith(".") for name in below.split("/"))
        return False

    def root(self, found: Sequence[Path]) -> Path:
        """The folder whose structure is kept: as upload-artifact chooses it."""
        if len(self.bases) > 1:
            return Path(os.path.commonpath(self.bases))
        (base,) = self.bases
        return base.parent if list(found) == [base] else base


def parse_search(text: str, *, workspace: Path, home: Path, hidden: bool = True) -> Search:
    """The search that an input asks for.

    Raises: PatternsAreInvalid when there is nothing to search.
    """
    lines = [line.strip() for line in text.splitlines()]
    patterns = tuple(
        _parse(line, workspace, home) for line in lines if line and not line.startswith("#")
    )
    wanted = sorted({pattern.base for pattern in patterns if not pattern.takes_away})
    if not wanted:
        raise PatternsAreInvalid("It names no file or folder.")
    bases = [
        base
        for base in wanted
        if not any(base != other and base.is_relative_to(other) for other in wanted)
    ]
    return Search(patterns, hidden, tuple(bases))


def _parse(line: str, workspace: Path, home: Path) -> Pattern:
    takes_away = line.startswith("!")
    text = line[1:].strip() if takes_away else line
    if text == "~" or text.startswith("~/"):
        text = f"{home}{text[1:]}"
    elif not text.startswith("/"):
        text = f"{workspace}/{text}"
    names = [name for name in os.path.normpath(text).split("/") if name]
    wild = next((at for at, name in enumerate(names) if _WILD.search(name)), len(names))
    return Pattern(takes_away, Path("/", *names[:wild]), tuple(_part(name) for name in names))


def _part(name: str) -> re.Pattern[str] | None:
    if name == "**":
        return None
    if not _WILD.search(name):
        return re.compile(re.escape(name) + r"\Z", re.DOTALL)
    return re.compile(fnmatch.translate(name.replace("[^", "[!")))


def start_listing(
    sandbox: Sandbox, search: Search, env: Mapping[str, str], *options: str, follow: bool = True
) -> Process:
    """Start a process of the job that lists what is below the bases; see `read_listing`.

    Parameters: `options` are those of `find`; `follow` goes through links.
    Raises: CannotStart.
    """
    how = "-L" if follow else "-P"
    bases = [str(base) for base in search.bases]
    argv = ("sh", "-c", _LIST, "sh", how, *bases, *options)
    return sandbox.start(Command(argv, sandbox.paths.workspace, env))


async def read_listing(process: Process) -> list[str]:
    """The paths that a listing gives.

    Raises: TooManyFiles.
    """
    data = bytearray()
    while piece := await process.read():
        data += piece
        if len(data) > MAX_LISTING:
            process.kill()
            raise TooManyFiles
    await process.wait()
    return [os.fsdecode(path) for path in bytes(data).split(b"\0") if path]


def name_pattern(text: str) -> Callable[[str], bool]:
    """Whether a single name matches a pattern."""
    part = _part(text)
    return lambda name: part is None or part.match(name) is not None
