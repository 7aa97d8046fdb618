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
