"""Cancelling `ansflow run`: Ctrl-C, once and twice; nothing survives."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ANSFLOW, clean_environment


class Running:
    """A run that prints while it runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603  our own command
            [ANSFLOW, "run", *arguments],
            cwd=folder,
            env={**clean_environment(), "TMPDIR": str(folder / "tmp")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""

    def until(self, words: str) -> None:
        """Read up to a line with these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if words in line:
                return
        pytest.fail(f"{words!r} never came:\n{self.output}")

    def interrupt(self) -> None:
        """What Ctrl-C does: a signal to the whole group of the terminal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Read the rest; the exit code."""
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start the command in an empty folder."""
    (tmp_path / "tmp").mkdir()
    started: list[Running] = []

    def begin(*arguments: str) -> Running:
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield begin
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()


def processes_with(marker: str) -> list[str]:
    """Processes that have this in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:
            continue
    return found


class TestCancel:
    def test_ctrl_c_cancels_and_cleans_up(
        self, start: Callable[..., Running], write: Callable[[str], str]
    ) -> None:
        marker = f"98765.{os.getpid()}"
        source = f"""\
steps:
  - run: (setsid sleep {marker} &) ; echo begun; sleep {marker}
  - run: echo cleaning up
    if: always()
  - run: echo not this
"""
        run = start(write(source))
        run.until("│ begun")
        run.interrupt()
        assert run.end() == 130
        assert "main │ cleaning up" in run.output
        assert "│ not this" not in run.output
        assert "cancelled in" in run.output
        assert processes_with(marker) == []

    def test_a_second_one_kills(
        self, start: Callable[..., Running], write: Callable[[str], str]
    ) -> None:
        source = "steps:\n  - run: trap '' TERM INT; echo begun; while true; do sleep 1; done\n"
        run = start(write(source))
        run.until("│ begun")
        run.interrupt()
        run.until("again kills")
        run.interrupt()
        assert run.end() == 130

    def test_ctrl_c_while_it_starts_leaves_nothing(
        self, start: Callable[..., Running], write: Callable[[str], str], tmp_path: Path
    ) -> None:
        run = start(write("steps:\n  - run: sleep 60\n"))
        run.until("started")
        run.interrupt()
        assert run.end() == 130
        assert list((tmp_path / "tmp").iterdir()) == []
