"""`ansflow run` on a terminal: a tree that lives, and stays."""

import os
import pty
import re
import subprocess
from pathlib import Path

from tests.cli.conftest import ANSFLOW, clean_environment

SOURCE = """\
jobs:
  good:
    runs-on: ubuntu-latest
    steps:
      - run: echo a line
  bad:
    needs: good
    runs-on: ubuntu-latest
    steps:
      - name: Break
        run: exit 3
"""


def on_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and everything that was drawn."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603  our own command
        [ANSFLOW, *arguments],
        cwd=folder,
        env={**clean_environment(), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux tells the end of a terminal
            break
        if not piece:
            break
        drawn += piece
    os.close(ours)
    return process.wait(60), drawn.decode()


def test_the_tree_shows_jobs_steps_and_durations(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(SOURCE)
    code, drawn = on_terminal(tmp_path, "run", "ci.yml")
    assert code == 1
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn).replace("\r", "")
    assert "good │ a line" in text
    last = text[text.rindex("✘ ci") :]
    assert re.search(r"├── ✔ good \d+\.\ds", last)
    assert re.search(r"└── ✘ bad \d+\.\ds", last)
    assert re.search(r"    └── ✘ Break \d+\.\ds", last)
    assert "\x1b[" in drawn


def test_many_lines_scroll_and_move_no_cursor(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(
        "steps:\n"
        "  - run: seq 1000 1999\n"
        "  - run: printf 'a\\033[2J\\033]0;title\\007b \\033[31mred\\033[0m 10%%\\r20%%\\r\\n'\n"
    )
    code, drawn = on_terminal(tmp_path, "run", "ci.yml")
    assert code == 0
    numbers = re.findall(r"main │ (1\d\d\d)\b", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn))
    assert numbers == [str(number) for number in range(1000, 2000)]
    assert "\x1b[2J" not in drawn
    assert "title" not in drawn.partition("Run seq")[2].replace("0;title", "")
    assert "20%" in drawn
