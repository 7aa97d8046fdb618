"""A bench for jobs, as in the tests of the runner, and a git repository."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.runner.conftest import bench, executor, work_root

__all__ = ["bench", "executor", "work_root"]

Git = Callable[..., str]


@pytest.fixture
def git() -> Git:
    """Runs git in a folder, with an identity and without the configuration of this machine."""
    identity = {"NAME": "Test", "EMAIL": "test@example.org", "DATE": "2026-01-01T00:00:00Z"}
    env = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in identity.items()},
    }

    def run(folder: Path, *arguments: str) -> str:
        argv = ["git", "-C", str(folder), "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(  # noqa: S603  the arguments are the tests' own
            argv, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def repository(work_root: Path, git: Git) -> Path:
    """A repository with two commits on main, a tag at the first, and a branch."""
    folder = work_root / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number, name in enumerate(("one", "two"), start=1):
        (folder / f"{name}.txt").write_text(f"{name}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", name)
        if number == 1:
            git(folder, "tag", "v1")
    git(folder, "checkout", "--quiet", "-b", "topic", "v1")
    (folder / "topic.txt").write_text("topic\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "topic")
    git(folder, "checkout", "--quiet", "main")
    return folder
