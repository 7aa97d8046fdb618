"""Requests to the APIs of the forges, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from app.triggers.models import Forge, Repository

EVENTS = ("push", "pull_request", "release", "create", "delete")


class CommitState(StrEnum):
    """What a forge is told of an execution."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


_WORDS: Mapping[Forge, Mapping[CommitState, str]] = {
    Forge.GITHUB: {CommitState.CANCELLED: "error"},
    Forge.GITEA: {CommitState.CANCELLED: "error"},
    Forge.FORGEJO: {CommitState.CANCELLED: "error"},
    Forge.GITLAB: {CommitState.FAILURE: "failed", CommitState.CANCELLED: "canceled"},
}
_MOST_DESCRIPTION = 140


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request with its credential."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)


def has_api(forge: Forge) -> bool:
    """Whether AnsFlow can talk to such a forge."""
    return forge is not Forge.GENERIC


def status_request(
    repository: Repository,
    token: str,
    *,
    sha: str,
    state: CommitState,
    context: str,
    description: str,
    target_url: str,
) -> ApiRequest:
    """Set the status of a commit."""
    word = _WORDS[repository.forge].get(state, state.value)
    shown = description[:_MOST_DESCRIPTION]
    fields = {"state": word, "target_url": target_url, "description": shown}
    if repository.forge is Forge.GITLAB:
        return api_request(repository, token, "POST", f"statuses/{sha}", fields | {"name": context})
    return api_request(repository, token, "POST", f"statuses/{sha}", fields | {"context": context})


def hooks_request(repository: Repository, token: str) -> ApiRequest:
    """List the webhooks."""
    return api_request(repository, token, "GET", "hooks?per_page=100&limit=50")


def has_hook(answer: object, url: str) -> bool:
    """Whether the list of webhooks has ours."""
    hooks = answer if isinstance(answer, list) else []
    return any(
        isinstance(hook, Mapping)
        and url in (hook.get("url"), (hook.get("config") or {}).get("url"))
        for hook in hooks
    )


def new_hook_request(repository: Repository, token: str, *, url: str, secret: str) -> ApiRequest:
    """Make the webhook."""
    if repository.forge is Forge.GITLAB:
        fields: dict[str, Any] = {
            "url": url,
            "token": secret,
            "push_events": True,
            "tag_push_events": True,
            "merge_requests_events": True,
            "releases_events": True,
        }
        return api_request(repository, token, "POST", "hooks", fields)
    kind = "web" if repository.forge is Forge.GITHUB else "gitea"
    fields = {
        "active": True,
        "events": list(EVENTS),
        "config": {"url": url, "content_type": "json", "secret": secret},
        "name" if repository.forge is Forge.GITHUB else "type": kind,
    }
    return api_request(repository, token, "POST", "hooks", fields)


def full_name(clone_url: str) -> str:
    """`owner/name` of a repository."""
    return urlsplit(clone_url).path.strip("/").removesuffix(".git")


def api_base(repository: Repository) -> str:
    """The address of the forge's API: as configured, else the usual one of its host."""
    if repository.api_url is not None:
        return repository.api_url.rstrip("/")
    parts = urlsplit(repository.clone_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    match repository.forge:
        case Forge.GITHUB:
            return (
                "https://api.github.com" if parts.hostname == "github.com" else f"{origin}/api/v3"
            )
        case Forge.GITLAB:
            return f"{origin}/api/v4"
    return f"{origin}/api/v1"


def api_request(
    repository: Repository,
    token: str | None,
    method: str,
    path: str,
    json: Mapping[str, Any] | None = None,
    *,
    accept: str | None = None,
) -> ApiRequest:
    """A request about the repository; `token` None: as anybody."""
    base, name = api_base(repository), full_name(repository.clone_url)
    headers = {"Accept": accept or "application/json"}
    if repository.forge is Forge.GITLAB:
        if token is not None:
            headers["PRIVATE-TOKEN"] = token
        return ApiRequest(method, f"{base}/projects/{quote(name, safe='')}/{path}", headers, json)
    if token is not None:
        scheme = "Bearer" if repository.forge is Forge.GITHUB else "token"
        headers["Authorization"] = f"{scheme} {token}"
    return ApiRequest(method, f"{base}/repos/{quote(name)}/{path}", headers, json)
