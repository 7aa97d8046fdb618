"""Processes without HTTP show their metrics where they are told to; several show the sum."""

import os
import socket
import subprocess
import sys
import urllib.request

import pytest

from app.core.metrics import outbox_lag
from app.core.metrics_files import FOLDER, shared_folder
from app.settings import Settings
from workers.metrics import exposed

CHILD = """
from app.core.metrics import connections, executions
executions.labels("success").inc(2)
connections.labels("all").inc()
"""


def configured(port: int | None) -> Settings:
    return Settings(_env_file=None, worker={"metrics_port": port})


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text: str = answer.read().decode()
    return text


def test_by_default_nothing_is_listened_on(port: int) -> None:
    with exposed(configured(None)), pytest.raises(OSError, match="refused"):
        page(port)


def test_those_of_this_process(port: int) -> None:
    outbox_lag.set(12.5)
    with exposed(configured(port)):
        assert "ansflow_outbox_lag_seconds 12.5" in page(port)
    with pytest.raises(OSError, match="refused"):
        page(port)


def test_a_port_that_is_taken_is_a_clear_error(port: int) -> None:
    with (
        exposed(configured(port)),
        pytest.raises(ValueError, match="ANSFLOW_WORKER__METRICS_PORT"),
        exposed(configured(port)),
    ):
        pass


def test_those_of_all_children_and_of_the_living_only_what_is_open(port: int) -> None:
    with shared_folder() as folder, exposed(configured(port), folder=folder):
        for _ in range(2):
            subprocess.run([sys.executable, "-c", CHILD], check=True)  # noqa: S603  ours
        shown = page(port)
        assert 'ansflow_executions_total{status="success"} 4.0' in shown
        assert 'ansflow_connections{kind="all"}' not in shown
    assert FOLDER not in os.environ
    assert not os.path.exists(folder)


def test_a_folder_that_was_given_is_kept(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path_factory.mktemp("metrics")
    monkeypatch.setenv(FOLDER, str(given))
    with shared_folder() as folder:
        assert folder == str(given)
    assert given.is_dir()
