"""The `github` context of an execution, made once at the trigger.

Source: GitHub documentation, "Contexts", section `github`. What depends on the place where a job
runs (`workspace`, `job`, `action`, …) is added by the worker.
"""

from collections.abc import Mapping
from typing import Any


def github_context(
    *,
    event: str,
    payload: Mapping[str, Any],
    ref: str | None,
    sha: str | None,
    actor: str,
    repository: str,
    workflow: str,
    execution_id: str,
    number: int,
    server_url: str,
) -> dict[str, Any]:
    """Everything that is the same for all jobs and attempts.

    Parameters: `repository` is `owner/name` (here: project slug, twice where there is no owner);
    `ref` is a full ref (`refs/heads/main`), `sha` the commit, both None without a repository.
    """
    pull_request = payload.get("pull_request")
    pull_request = pull_request if isinstance(pull_request, Mapping) else {}
    return {
        "event_name": event,
        "event": dict(payload),
        "ref": ref or "",
        "ref_name": short_ref(ref),
        "ref_type": "tag" if (ref or "").startswith("refs/tags/") else "branch" if ref else "",
        "head_ref": _branch_of(pull_request, "head"),
        "base_ref": _branch_of(pull_request, "base"),
        "sha": sha or "",
        "actor": actor,
        "triggering_actor": actor,
        "repository": repository,
        "repository_owner": repository.partition("/")[0],
        "workflow": workflow,
        "run_id": execution_id,
        "run_number": str(number),
        "server_url": server_url,
        "api_url": f"{server_url}/api/v1",
    }


def short_ref(ref: str | None) -> str:
    """`main` for `refs/heads/main`, `7/merge` for `refs/pull/7/merge`."""
    for prefix in ("refs/heads/", "refs/tags/", "refs/pull/", "refs/"):
        if ref is not None and ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref or ""


def _branch_of(pull_request: Mapping[str, Any], side: str) -> str:
    place = pull_request.get(side)
    name = place.get("ref") if isinstance(place, Mapping) else None
    return name if isinstance(name, str) else ""


def repository_of(payload: Mapping[str, Any]) -> str | None:
    """The repository that an event's payload names, as `owner/name`."""
    repository = payload.get("repository")
    name = repository.get("full_name") if isinstance(repository, Mapping) else None
    return name if isinstance(name, str) else None
