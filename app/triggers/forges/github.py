"""Events as GitHub sends them; Gitea, Forgejo and generic callers send the same."""

from collections.abc import Callable, Mapping
from typing import Any

from app.triggers.forges.happenings import (
    Happening,
    Ignored,
    at,
    changed_paths,
    commit,
    full_ref,
    text,
)

_OWN_PEOPLE = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_OF_GITEA = {
    "synchronized": "synchronize",
    "label_updated": "labeled",
    "label_cleared": "unlabeled",
}
"""What Gitea and Forgejo call actions of pull requests."""
_LISTED_COMMITS = 2048
"""GitHub lists at most so many commits of a push; Gitea fewer, but tells how many there are."""


def happening(event: str, payload: Mapping[str, Any]) -> Happening | Ignored:
    """What the event means here."""
    read = _EVENTS.get(event)
    if read is None:
        return Ignored(f"nothing starts on the event '{event}'")
    return read(payload)


def _actor(payload: Mapping[str, Any]) -> str:
    return (text(payload, "sender", "login") or text(payload, "pusher", "name") or "ansflow")[:100]


def _push(payload: Mapping[str, Any]) -> Happening | Ignored:
    ref, sha = full_ref(text(payload, "ref")), commit(text(payload, "after"))
    if ref is None:
        return Ignored("the push names no ref")
    if sha is None or at(payload, "deleted") is True:
        return Ignored(f"{ref} was deleted")
    return Happening(
        name="push",
        ref=ref,
        sha=sha,
        payload=payload,
        actor=_actor(payload),
        before=commit(text(payload, "before")),
        paths=_push_paths(payload),
        message=text(payload, "head_commit", "message"),
    )


def _push_paths(payload: Mapping[str, Any]) -> tuple[str, ...] | None:
    commits = at(payload, "commits")
    if not isinstance(commits, list) or len(commits) >= _LISTED_COMMITS:
        return None
    total = at(payload, "total_commits")
    if isinstance(total, int) and total > len(commits):
        return None
    # A forced push also takes away what other commits had changed: git knows.
    return None if at(payload, "forced") is True else changed_paths(commits)


def _pull_request(payload: Mapping[str, Any]) -> Happening | Ignored:
    number = at(payload, "number") or at(payload, "pull_request", "number")
    head, base = at(payload, "pull_request", "head"), at(payload, "pull_request", "base")
    sha, base_sha = commit(text(head, "sha")), commit(text(base, "sha"))
    base_ref = full_ref(text(base, "ref"))
    if type(number) is not int or sha is None or base_sha is None or base_ref is None:
        return Ignored("the pull request does not name its commits")
    own, action = text(base, "repo", "full_name"), text(payload, "action") or ""
    return Happening(
        name="pull_request",
        ref=f"refs/pull/{number}/head",
        sha=sha,
        payload=payload,
        action=_OF_GITEA.get(action, action) or None,
        actor=_actor(payload),
        base_ref=base_ref,
        base_sha=base_sha,
        # A head repository that was deleted has no name: it is not this one.
        is_fork=own is None or text(head, "repo", "full_name") != own,
        is_by_member=_is_by_member(payload),
    )


def _is_by_member(payload: Mapping[str, Any]) -> bool:
    """Gitea and others do not say what somebody is to a repository: then nobody is."""
    author, sender = (
        text(payload, "pull_request", "user", "login"),
        text(payload, "sender", "login"),
    )
    is_own = text(payload, "pull_request", "author_association") in _OWN_PEOPLE
    return is_own and author is not None and author == sender


def _release(payload: Mapping[str, Any]) -> Happening | Ignored:
    ref, action = full_ref(text(payload, "release", "tag_name"), "tags"), text(payload, "action")
    if ref is None:
        return Ignored("the release names no tag")
    if action == "deleted":
        return Ignored("the release was deleted")
    return Happening(name="release", ref=ref, payload=payload, action=action, actor=_actor(payload))


def _create(payload: Mapping[str, Any]) -> Happening | Ignored:
    kind = {"branch": "heads", "tag": "tags"}.get(text(payload, "ref_type") or "")
    ref = full_ref(text(payload, "ref"), kind) if kind else None
    if ref is None:
        return Ignored("neither a branch nor a tag was created")
    return Happening(
        name="create",
        ref=ref,
        sha=commit(text(payload, "sha")),
        payload=payload,
        actor=_actor(payload),
    )


def _delete(payload: Mapping[str, Any]) -> Happening | Ignored:
    default = text(payload, "repository", "default_branch")
    ref = full_ref(default)
    if ref is None:
        return Ignored("the repository names no default branch, whose files would count")
    return Happening(name="delete", ref=ref, payload=payload, actor=_actor(payload))


def _workflow_dispatch(payload: Mapping[str, Any]) -> Happening | Ignored:
    ref, inputs = full_ref(text(payload, "ref")), at(payload, "inputs")
    if ref is None:
        return Ignored("the dispatch names no ref")
    return Happening(
        name="workflow_dispatch",
        ref=ref,
        payload=payload,
        actor=_actor(payload),
        only_path=(text(payload, "workflow") or "").partition("@")[0] or None,
        inputs=inputs if isinstance(inputs, Mapping) else {},
    )


_EVENTS: Mapping[str, Callable[[Mapping[str, Any]], Happening | Ignored]] = {
    "push": _push,
    "pull_request": _pull_request,
    "release": _release,
    "create": _create,
    "delete": _delete,
    "workflow_dispatch": _workflow_dispatch,
}
