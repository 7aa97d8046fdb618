"""`ansflow` as a person runs it: the real command, and in this process where that is enough."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import application

ANSFLOW = str(Path(sys.executable).parent / "ansflow")
Ansflow = Callable[..., subprocess.CompletedProcess[str]]
Invoke = Callable[..., Result]


def clean_environment() -> dict[str, str]:
    """Nothing of the developer's shell."""
    return {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    }


@pytest.fixture
def ansflow(tmp_path: Path) -> Ansflow:
    """Run the real command in an empty folder."""

    def run(
        *arguments: str, input: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own command
            [ANSFLOW, *arguments],
            cwd=tmp_path,
            env={**clean_environment(), **environment},
            input=input,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, input: str | None = None, **environment: str) -> Result:
        return CliRunner(env=environment).invoke(application, list(arguments), input=input)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Write a pipeline file; its name."""

    def written(source: str) -> str:
        (tmp_path / "ci.yml").write_text(source)
        return "ci.yml"

    return written
