"""A contained command leaves no process behind, and its own result is what is returned."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Detached twice over: a session of its own, and a parent that is gone.
DETACHED = "setsid sh -c 'echo $$ >pid; trap \"\" TERM HUP; while :; do sleep 0.1; done' & "


def contained(folder: Path, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.services.contain", *options, "--", "sh", "-c", script]
    return subprocess.run(  # noqa: S603  our own program
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_is_that_of_the_command(tmp_path: Path, script: str, code: int) -> None:
    assert contained(tmp_path, script).returncode == code


def test_a_detached_process_that_ignores_term_is_ended(
    tmp_path: Path,
) -> None:
    ended = contained(
        tmp_path,
        f"({DETACHED}) ; while [ ! -s pid ]; do sleep 0.05; done; exit 3",
        "--grace",
        "0.2",
    )
    pid = int((tmp_path / "pid").read_text())
    assert ended.returncode == 3
    assert f"sh ({pid})" in ended.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_command_over_its_limit_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    ended = contained(tmp_path, "echo $$ >pid; sleep 60 & wait", "--limit", "0.5")
    assert ended.returncode == 124
    assert "the limit of this run" in ended.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
