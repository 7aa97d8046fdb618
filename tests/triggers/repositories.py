"""A git repository, and calls of its webhook as forges make them."""

import hashlib
import hmac
import itertools
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_numbers = itertools.count(1)
WORKFLOW = (
    "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo built\n"
)


@dataclass
class GitRepository:
    """A repository on this disk, which is cloned by file://."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", ".")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str) -> str:
        """The output of a git command."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(  # noqa: S603  our own command
            ["git", *identity, *arguments],  # noqa: S607  git as users have it
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str | bytes | None], message: str = "Change") -> str:
        """Write files (None: remove), commit them; returns the commit."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


def push(sha: str, *, branch: str = "main", **more: Any) -> dict[str, Any]:
    """The payload of a push, as GitHub sends it."""
    return {
        "ref": f"refs/heads/{branch}",
        "before": "0" * 40,
        "after": sha,
        "deleted": False,
        "forced": False,
        "commits": [],
        "head_commit": {"id": sha, "message": "Change"},
        "repository": {"full_name": "ansflow/demo", "default_branch": "main"},
        "sender": {"login": "ada"},
        **more,
    }


def pull_request(head: str, base: str, *, head_repository: str = "ansflow/demo") -> dict[str, Any]:
    """The payload of a pull request that was opened, as GitHub sends it."""
    return {
        "action": "opened",
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": {"ref": "topic", "sha": head, "repo": {"full_name": head_repository}},
            "base": {"ref": "main", "sha": base, "repo": {"full_name": "ansflow/demo"}},
        },
        "repository": {"full_name": "ansflow/demo", "default_branch": "main"},
        "sender": {"login": "ada"},
    }


async def deliver(
    client: httpx.AsyncClient,
    repository: dict[str, Any],
    payload: Any,
    *,
    event: str = "push",
    delivery_id: str | None = None,
    secret: str | None = None,
) -> httpx.Response:
    """Call the webhook of a repository as GitHub does."""
    body = json.dumps(payload).encode()
    key = (secret or repository["webhook_secret"]).encode()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery_id or f"delivery-{next(_numbers)}",
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
        "Content-Type": "application/json",
    }
    return await client.post(repository["webhook_url"], content=body, headers=headers)


_PREFIXES = {
    "github": "X-GitHub",
    "gitea": "X-Gitea",
    "forgejo": "X-Forgejo",
    "generic": "X-AnsFlow",
}


def signed_headers(
    forge: str, content: bytes, secret: str, *, event: str = "push"
) -> dict[str, str]:
    """The headers of an event as this forge sends it, with an id of its own."""
    id_ = f"delivery-{next(_numbers)}"
    if forge == "gitlab":
        return {
            "X-Gitlab-Event": f"{event.title()} Hook",
            "X-Gitlab-Token": secret,
            "X-Gitlab-Event-UUID": id_,
        }
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    prefix = _PREFIXES[forge]
    name, start = {
        "github": ("X-Hub-Signature-256", "sha256="),
        "generic": ("X-AnsFlow-Signature-256", "sha256="),
    }.get(forge, (f"{prefix}-Signature", ""))
    return {f"{prefix}-Event": event, f"{prefix}-Delivery": id_, name: start + digest}


async def deliver_as(
    client: httpx.AsyncClient, repository: dict[str, Any], payload: Any, *, event: str = "push"
) -> httpx.Response:
    """Call the webhook of a repository as its forge does; `payload` is in GitHub's words."""
    forge = repository["forge"]
    given = in_words_of_gitlab(event, payload) if forge == "gitlab" else payload
    content = json.dumps(given).encode()
    headers = signed_headers(forge, content, repository["webhook_secret"], event=event)
    return await client.post(
        repository["webhook_url"],
        content=content,
        headers={"Content-Type": "application/json", **headers},
    )


def in_words_of_gitlab(event: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of a push or a pull request as GitLab says it."""
    project = {
        "path_with_namespace": payload["repository"]["full_name"],
        "default_branch": "main",
    }
    if event == "push":
        is_tag = payload["ref"].startswith("refs/tags/")
        after = payload["after"]
        return {
            "object_kind": "tag_push" if is_tag else "push",
            "ref": payload["ref"],
            "before": payload["before"],
            "after": after,
            "checkout_sha": after if after.strip("0") else None,
            "user_username": payload["sender"]["login"],
            "project": project,
            "commits": payload["commits"],
            "total_commits_count": payload.get("total_commits", len(payload["commits"])),
        }
    request = payload["pull_request"]
    names = [request[side]["repo"]["full_name"] for side in ("head", "base")]
    return {
        "object_kind": "merge_request",
        "user": {"username": payload["sender"]["login"]},
        "project": project,
        "object_attributes": {
            "iid": request["number"],
            "action": "open",
            "source_branch": request["head"]["ref"],
            "target_branch": request["base"]["ref"],
            "source_project_id": 1 if names[0] == names[1] else 2,
            "target_project_id": 1,
            "last_commit": {"id": request["head"]["sha"]},
            "source": {"path_with_namespace": names[0]},
            "target": {"path_with_namespace": names[1]},
        },
    }
