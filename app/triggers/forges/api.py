"""Requests to the APIs of the forges, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

from app.triggers.forges.happenings import at, text
from app.triggers.models import Forge, HookRemoval, Repository

Located = Repository | HookRemoval
"""What says at which forge it is, and where there."""

EVENTS = ("push", "pull_request", "release", "create", "delete")


class CommitState(StrEnum):
    """What a forge is told of an execution."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


_OF_GITHUB = {CommitState.CANCELLED: "error", CommitState.RUNNING: "pending"}
_WORDS: Mapping[Forge, Mapping[CommitState, str]] = {
    Forge.GITHUB: _OF_GITHUB,
    Forge.GITEA: _OF_GITHUB,
    Forge.FORGEJO: _OF_GITHUB,
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


def shortened(description: str) -> str:
    """One line as long as every forge takes it."""
    line = " ".join(description.split())
    return line if len(line) <= _MOST_DESCRIPTION else line[: _MOST_DESCRIPTION - 1] + "…"


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
    shown = shortened(description)
    fields = {"state": word, "target_url": target_url, "description": shown}
    if repository.forge is Forge.GITLAB:
        return api_request(repository, token, "POST", f"statuses/{sha}", fields | {"name": context})
    return api_request(repository, token, "POST", f"statuses/{sha}", fields | {"context": context})


def hooks_request(repository: Located, token: str) -> ApiRequest:
    """List the webhooks."""
    return api_request(repository, token, "GET", "hooks?per_page=100&limit=50")


def hook_id(answer: object, url: str) -> int | None:
    """The forge's id of the webhook with this address in its list; None when it has none."""
    for hook in answer if isinstance(answer, list) else []:
        config = at(hook, "config")
        if url in (text(hook, "url"), text(config, "url")):
            found = at(hook, "id")
            return found if type(found) is int else None
    return None


def hook_request(
    repository: Repository, token: str, *, url: str, secret: str, known: int | None
) -> ApiRequest:
    """Make the webhook, or give the one with the id `known` this secret."""
    if repository.forge is Forge.GITLAB:
        fields: dict[str, Any] = {
            "url": url,
            "token": secret,
            "push_events": True,
            "tag_push_events": True,
            "merge_requests_events": True,
            "releases_events": True,
        }
    else:
        fields = {
            "active": True,
            "events": list(EVENTS),
            "config": {"url": url, "content_type": "json", "secret": secret},
        }
    if known is not None:
        method = "PUT" if repository.forge is Forge.GITLAB else "PATCH"
        return api_request(repository, token, method, f"hooks/{known}", fields)
    if repository.forge is not Forge.GITLAB:
        is_github = repository.forge is Forge.GITHUB
        fields |= {"name": "web"} if is_github else {"type": "gitea"}
    return api_request(repository, token, "POST", "hooks", fields)


def no_hook_request(repository: Located, token: str, *, known: int) -> ApiRequest:
    """Remove the webhook with this id."""
    return api_request(repository, token, "DELETE", f"hooks/{known}")


def hook_rights(forge: Forge) -> str:
    """What a token must be allowed so that webhooks can be made with it."""
    return _HOOK_RIGHTS[forge]


_HOOK_RIGHTS: Mapping[Forge, str] = {
    Forge.GITHUB: "the scope `admin:repo_hook` of somebody who administrates the repository (of a "
    "fine-grained token: Webhooks, read and write)",
    Forge.GITLAB: "the scope `api` and the role Maintainer in the project",
    Forge.GITEA: "the scope `write:repository` of an administrator of the repository",
    Forge.FORGEJO: "the scope `write:repository` of an administrator of the repository",
}


def full_name(clone_url: str) -> str:
    """`owner/name` of a repository."""
    return urlsplit(clone_url).path.strip("/").removesuffix(".git")


def api_base(repository: Located) -> str:
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
    repository: Located,
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
