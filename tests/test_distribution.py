"""A run with `--dist loadgroup` either keeps groups together or does not start."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
GROUPED = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(6))
@pytest.mark.xdist_group("one@home")
def test_grouped(number, worker_id):
    with open("workers", "a") as seen:
        seen.write(worker_id + "\\n")

@pytest.mark.parametrize("number", range(6))
def test_free(number):
    pass
"""
# What a pytest does that makes node ids from names and ignores the private attribute.
IGNORES_THE_ATTRIBUTE = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item._nodeid = item._nodeid.partition("@")[0]
"""


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_grouped.py").write_text(GROUPED)
    (folder / "ignoring.py").write_text(IGNORES_THE_ATTRIBUTE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "tests.distribution"]
    return subprocess.run(  # noqa: S603  our own test runner
        [*command, *arguments, "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup", "."],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{folder}",
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # The others take seconds to import.
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_groups_that_are_kept_run_in_one_process(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path)
    assert ended.returncode == 0, ended.stdout
    workers = (tmp_path / "workers").read_text().split()
    assert len(workers) == 6
    assert len(set(workers)) == 1


def test_groups_that_are_lost_stop_the_run_with_the_reason(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, "-p", "ignoring")
    assert ended.returncode != 0
    assert "xdist groups are not honoured: 6 node ids lack their @group" in ended.stdout
    assert not (tmp_path / "workers").exists()
