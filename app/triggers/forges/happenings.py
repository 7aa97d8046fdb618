"""What happened in a repository, in the same words whatever forge it was."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\\\[]{1,480}")
_SKIP = re.compile(r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]", re.IGNORECASE)
_SKIP_TRAILER = re.compile(r"\n[ \t]*\n(?:.+\n)*skip-checks:[ \t]*true\Z", re.IGNORECASE)
"""The last line of the last paragraph, which is not the only one: git's form of a trailer."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that may start pipelines.

    `ref` is a full ref; `sha` None: the commit that the ref is at. `files_sha` is the commit whose
    pipeline files count, None: `sha`. `base_ref` is the branch that a pull request goes to;
    `base_sha` the commit to compare with for changed files, `before` that of a push. `paths` None:
    the changed files are not listed. `only_path` is the one file that is meant, `inputs` its own.
    `payload` is as GitHub would send it: it becomes `github.event`. `is_by_member` says that the
    forge names who made the pull request, and nobody else caused the event, as one of the base
    repository's own people.
    """

    name: str
    ref: str
    payload: Mapping[str, Any]
    sha: str | None = None
    action: str | None = None
    actor: str = "ansflow"
    base_ref: str | None = None
    base_sha: str | None = None
    before: str | None = None
    paths: tuple[str, ...] | None = None
    message: str | None = None
    is_fork: bool = False
    is_by_member: bool = False
    only_path: str | None = None
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that starts nothing, and why."""

    reason: str


def wants_skip(message: str | None) -> bool:
    """Whether the text of a commit says that nothing shall run for it."""
    if message is None:
        return False
    plain = message.replace("\r\n", "\n").strip()
    return bool(_SKIP.search(plain) or _SKIP_TRAILER.search(plain))


def commit(value: str | None) -> str | None:
    """A commit id, None for anything else and for the zeros that mean "none"."""
    if value is None or not SHA.fullmatch(value) or not value.strip("0"):
        return None
    return value


def full_ref(value: str | None, kind: str = "heads") -> str | None:
    """A full ref that git takes, None for anything else."""
    if not value:
        return None
    ref = value if value.startswith("refs/") else f"refs/{kind}/{value}"
    return ref if _REF.fullmatch(ref) and ".." not in ref and "//" not in ref else None


def at(payload: object, *path: str) -> Any:
    """What a payload has at a path; None when any part is not there."""
    for name in path:
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(name)
    return payload


def text(payload: object, *path: str) -> str | None:
    """As `at`, for texts only."""
    found = at(payload, *path)
    return found if isinstance(found, str) else None


def changed_paths(commits: object) -> tuple[str, ...] | None:
    """All files that the listed commits changed; None when that is not listed."""
    if not isinstance(commits, Sequence) or isinstance(commits, str) or not commits:
        return None
    paths: dict[str, None] = {}
    for each in commits:
        lists = [at(each, kind) for kind in ("added", "modified", "removed")]
        if not all(isinstance(files, list) for files in lists):
            return None
        paths |= {path: None for files in lists for path in files if isinstance(path, str)}
    return tuple(paths)
