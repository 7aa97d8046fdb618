"""A socket that nobody closed is told with who made it, and is an error where AnsFlow made it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAKING = """
import gc, pathlib, socket

MAKE = "import socket\\ndef make():\\n    return socket.socket()\\n"
names = {}
exec(compile(MAKE, "@maker@", "exec"), names)

def test_leaving():
    left = [names["make"]()]
    left.append(left)  # A cycle: only the collector finds it.

def test_found_in():
    gc.collect()
"""


def run_pytest(folder: Path, maker: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_leaking.py").write_text(LEAKING.replace("@maker@", f"{ROOT}/{maker}"))
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "xdist"]
    return subprocess.run(  # noqa: S603  our own test runner
        [*command, "-p", "tests.leaks", "-p", "no:cacheprovider", *arguments, "."],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # The others take seconds to import.
        },
        capture_output=True,
        text=True,
        check=False,
    )


PROCESSES = pytest.mark.parametrize("processes", [[], ["-n", "1"]], ids=["one", "xdist"])


@PROCESSES
def test_one_of_our_own_code_fails(tmp_path: Path, processes: list[str]) -> None:
    ended = run_pytest(tmp_path, "app/leaking.py", *processes)
    assert ended.returncode == 1, ended.stdout
    said = "left open by test_leaking.py::test_leaving, made by app/leaking.py:3: <socket.socket"
    assert said in ended.stdout


@PROCESSES
def test_one_of_a_helper_is_told(tmp_path: Path, processes: list[str]) -> None:
    ended = run_pytest(tmp_path, "tests/helper.py", *processes)
    assert ended.returncode == 0, ended.stdout
    assert "sockets that tests left open" in ended.stdout
    said = "left open by test_leaking.py::test_leaving, made by tests/helper.py:3"
    assert ended.stdout.count(said) == 1
