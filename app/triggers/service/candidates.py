"""The pipeline files of a commit, read and checked, and what each means for an event."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from app.engine.definition import Definition
from app.engine.document import load, require
from app.engine.filters import EventInfo, matches
from app.pipelines.checking import Checked, check
from app.pipelines.errors import InvalidPipeline
from app.triggers.forges.happenings import Happening
from app.triggers.service.git import GitFailed
from app.triggers.service.sources import Source, TooLarge

_MAX_CALLED = 256
_STANDS_IN = require("steps:\n  - run: exit 1\n")
"""The definition of a file that has none; nobody runs it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file. `problem` says with line and column what is wrong with it; `definition` is what could
    be read of it nevertheless."""

    path: str
    checked: Checked
    definition: Definition | None
    problem: str | None = None

    @property
    def name(self) -> str:
        """What the file is called without folder and ending."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file starts, and why."""

    candidate: Candidate
    starts: bool
    reason: str


@dataclass(slots=True)
class Reading:
    """Files of one commit; each is read once."""

    source: Source
    commit: str
    _texts: dict[str, str | None] = field(default_factory=dict)

    async def text(self, path: str) -> str | None:
        """The text of a file; None when there is none.

        Raises: SourceFailed, TooLarge, UnicodeDecodeError.
        """
        if path not in self._texts:
            found = await self.source.read(self.commit, path)
            self._texts[path] = None if found is None else found.decode()
        return self._texts[path]


async def candidates(source: Source, commit: str, folders: Sequence[str]) -> list[Candidate]:
    """All pipeline files of a commit.

    Raises: SourceFailed.
    """
    reading = Reading(source, commit)
    return [await _candidate(reading, path) for path in await source.files(commit, folders)]


async def _candidate(reading: Reading, path: str) -> Candidate:
    try:
        source = await reading.text(path)
        loaded = await asyncio.to_thread(load, source or "")
        called = {} if loaded.definition is None else await _called(reading, loaded.definition)
    except TooLarge as error:
        return _unreadable(path, str(error))
    except UnicodeDecodeError:
        return _unreadable(path, "line 1, column 1: the file is not UTF-8 text")
    try:
        checked = await check(source or "", called)
    except InvalidPipeline as error:
        stored = Checked(source or "", called, _STANDS_IN, ())
        return Candidate(path, stored, loaded.definition, str(error))
    return Candidate(path, checked, checked.definition)


def _unreadable(path: str, problem: str) -> Candidate:
    return Candidate(path, Checked("", {}, _STANDS_IN, ()), None, problem)


async def _called(reading: Reading, definition: Definition) -> dict[str, str]:
    """The texts of all local workflows that a definition leads to, by the path in `uses`."""
    found: dict[str, str] = {}
    pending = [definition]
    while pending and len(found) < _MAX_CALLED:
        for uses in _calls(pending.pop()):
            text = None if uses in found else await reading.text(uses.removeprefix("./"))
            if text is not None:
                found[uses] = text
                called = (await asyncio.to_thread(load, text)).definition
                pending += [called] if called is not None else []
    return found


def _calls(definition: Definition) -> Iterator[str]:
    for job in definition.jobs.values():
        if job.uses is not None and job.uses.startswith("./") and ".." not in job.uses:
            yield job.uses


async def verdicts(
    source: Source, happening: Happening, found: Sequence[Candidate], *, sha: str
) -> list[Verdict]:
    """Which of the files the event starts.

    Raises: SourceFailed: another source may say which files changed.
    """
    paths = happening.paths
    if paths is None and any(_asks_for_paths(each, happening) for each in found):
        paths = await _changed(source, happening, sha)
    event = EventInfo(
        name=happening.name,
        action=happening.action,
        ref=happening.ref,
        base_ref=happening.base_ref,
        paths=paths,
    )
    return [_verdict(each, happening, event) for each in found]


def _verdict(candidate: Candidate, happening: Happening, event: EventInfo) -> Verdict:
    only = happening.only_path
    if only is not None and only not in (candidate.path, PurePosixPath(candidate.path).name):
        return Verdict(candidate, False, f"the event is for {only[:500]}")
    if candidate.definition is None:
        # Nobody knows what it wants to start on: who pushed it is told once.
        pushed = happening.name == "push" and happening.ref.startswith("refs/heads/")
        why = "the file is not valid" if pushed else "the file is not valid, which a push tells"
        return Verdict(candidate, pushed, why)
    decision = matches(candidate.definition.on, event)
    return Verdict(candidate, decision.matched, decision.reason)


def _asks_for_paths(candidate: Candidate, happening: Happening) -> bool:
    if candidate.definition is None or happening.ref.startswith("refs/tags/"):
        return False
    return any(
        rule.event == happening.name and (rule.paths is not None or rule.paths_ignore is not None)
        for rule in candidate.definition.on.events
    )


async def _changed(source: Source, happening: Happening, sha: str) -> tuple[str, ...] | None:
    is_request = happening.base_ref is not None
    before = happening.base_sha if is_request else happening.before
    try:
        if happening.base_ref is not None and before is None:
            # GitLab names the branch that a merge request goes to, and no commit of it.
            before = await source.fetch(happening.base_ref, None)
        if before is None:
            return None
        return await source.changed(before, sha, since_fork=is_request)
    except GitFailed:
        # What is not known starts rather too much than too little.
        return None
