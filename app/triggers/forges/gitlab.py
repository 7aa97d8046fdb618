"""Events as GitLab sends them, made into those of GitHub: files ask for `github.event`."""

from collections.abc import Mapping
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

_ACTIONS = {
    "open": "opened",
    "reopen": "reopened",
    "close": "closed",
    "merge": "closed",
}


def happening(event: str, payload: Mapping[str, Any]) -> Happening | Ignored:
    """What the event means here. `event` is the payload's `object_kind`."""
    match event:
        case "push" | "tag_push":
            return _push(payload)
        case "merge_request":
            return _merge_request(payload)
        case "release":
            return _release(payload)
    return Ignored(f"nothing starts on the event '{event}'")


def _common(payload: Mapping[str, Any]) -> dict[str, Any]:
    project = at(payload, "project")
    name = text(payload, "user_username") or text(payload, "user", "username") or "ansflow"
    return {
        "repository": {
            "full_name": text(project, "path_with_namespace") or "",
            "html_url": text(project, "web_url") or "",
            "default_branch": text(project, "default_branch") or "",
        },
        "sender": {"login": name[:100]},
    }


def _push(payload: Mapping[str, Any]) -> Happening | Ignored:
    ref, sha = full_ref(text(payload, "ref")), commit(text(payload, "checkout_sha"))
    sha = sha or commit(text(payload, "after"))
    if ref is None:
        return Ignored("the push names no ref")
    if commit(text(payload, "after")) is None or sha is None:
        return Ignored(f"{ref} was deleted")
    commits, total = at(payload, "commits"), at(payload, "total_commits_count")
    commits = commits if isinstance(commits, list) else []
    common, before = _common(payload), commit(text(payload, "before"))
    last = next((each for each in commits if text(each, "id") == sha), None)
    shown = {
        **common,
        "ref": ref,
        "before": text(payload, "before"),
        "after": sha,
        "commits": commits,
        "head_commit": last,
    }
    listed = isinstance(total, int) and total == len(commits)
    return Happening(
        name="push",
        ref=ref,
        sha=sha,
        payload=shown,
        actor=common["sender"]["login"],
        before=before,
        paths=changed_paths(commits) if listed else None,
        message=text(last, "message"),
    )


def _merge_request(payload: Mapping[str, Any]) -> Happening | Ignored:
    request = at(payload, "object_attributes")
    number, sha = at(request, "iid"), commit(text(request, "last_commit", "id"))
    base_ref = full_ref(text(request, "target_branch"))
    if type(number) is not int or sha is None or base_ref is None:
        return Ignored("the merge request does not name its commits")
    given, source = text(request, "action") or "", at(request, "source_project_id")
    action = _update(payload) if given == "update" else _ACTIONS.get(given)
    if action is None:
        return Ignored(f"nothing starts when a merge request has the action '{given}'")
    common = _common(payload)
    shown = {
        **common,
        "action": action,
        "number": number,
        "pull_request": {
            "number": number,
            "title": text(request, "title"),
            "body": text(request, "description"),
            "html_url": text(request, "url"),
            "draft": _is_draft(request),
            "merged": given == "merge",
            "head": _side(request, "source", sha),
            "base": _side(request, "target", None),
        },
    }
    return Happening(
        name="pull_request",
        ref=f"refs/merge-requests/{number}/head",
        sha=sha,
        payload=shown,
        action=action,
        actor=common["sender"]["login"],
        base_ref=base_ref,
        is_fork=source is None or source != at(request, "target_project_id"),
    )


def _update(payload: Mapping[str, Any]) -> str:
    """What an update is in GitHub's words: only a push changes `oldrev`."""
    if text(payload, "object_attributes", "oldrev"):
        return "synchronize"
    changes = at(payload, "changes")
    for name in ("draft", "work_in_progress"):
        is_draft = at(changes, name, "current")
        if isinstance(is_draft, bool):
            return "converted_to_draft" if is_draft else "ready_for_review"
    before, after = at(changes, "labels", "previous"), at(changes, "labels", "current")
    if isinstance(before, list) and isinstance(after, list):
        return "labeled" if len(after) >= len(before) else "unlabeled"
    return "edited"


def _is_draft(request: object) -> bool:
    return at(request, "draft") is True or at(request, "work_in_progress") is True


def _side(request: object, side: str, sha: str | None) -> dict[str, Any]:
    return {
        "ref": text(request, f"{side}_branch"),
        "sha": sha,
        "repo": {"full_name": text(request, side, "path_with_namespace")},
    }


def _release(payload: Mapping[str, Any]) -> Happening | Ignored:
    ref, action = full_ref(text(payload, "tag"), "tags"), text(payload, "action")
    if ref is None:
        return Ignored("the release names no tag")
    if action != "create":
        return Ignored(f"nothing starts when a release has the action '{action}'")
    common = _common(payload)
    release = {"tag_name": text(payload, "tag"), "name": text(payload, "name")}
    return Happening(
        name="release",
        ref=ref,
        sha=commit(text(payload, "commit", "id")),
        payload={**common, "action": "published", "release": release},
        action="published",
        actor=common["sender"]["login"],
    )
