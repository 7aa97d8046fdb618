"""`ansflow worker` as processes: one per queue, looked after by the first."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.settings import Settings
from tests.fixtures.databases import DatabaseUnderTest
from tests.jobs.rabbit import Rabbit
from tests.services.urls import redis_url
from workers.main import read_settings, run_worker, settings_file

_RUN = "from app.settings import Settings; from workers.main import run_worker; "
_RUN += "raise SystemExit(run_worker(Settings(_env_file=None)))"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestSettingsFile:
    def test_carries_everything_also_what_is_secret(self, tmp_path: Path) -> None:
        settings = Settings(
            _env_file=None,
            data={"folder": tmp_path},
            database={"url": "mysql+asyncmy://a:secret@h/d"},
            redis={"url": "redis://:secret@h", "urls": {"session": "redis://s"}},
            rabbitmq={"url": "amqp://a:secret@h/"},
            worker={"labels": ["gpu"], "queues": ["low"]},
        )
        assert read_settings(settings_file(settings)) == settings


class TestRunWorker:
    def test_the_embedded_mode_has_no_worker_of_its_own(self) -> None:
        with pytest.raises(ValueError, match="ANSFLOW_RABBITMQ__URL is not set"):
            run_worker(Settings(_env_file=None))


@contextmanager
def supervised(environment: dict[str, str]) -> Iterator[psutil.Popen]:
    process = psutil.Popen(
        [sys.executable, "-c", _RUN],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        for each in [*process.children(recursive=True), process] if process.is_running() else []:
            each.kill()
        process.wait()


def workers_of(supervisor: psutil.Process) -> list[psutil.Process]:
    """Its children that have their guard: those have started."""
    found = []
    for child in supervisor.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends in this moment
            if child.children():
                found.append(child)
    return found


def is_alive(process: psutil.Process) -> bool:
    """Whether it still does anything; whoever adopted it may not have waited for it yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("database_under_test", ["mysql"], indirect=True)
class TestSupervisor:
    def test_one_process_per_queue_without_secrets_in_its_environment_started_again_if_killed(
        self, database_under_test: DatabaseUnderTest, rabbit: Rabbit, tmp_path: Path
    ) -> None:
        environment = {
            "ANSFLOW_DATABASE__URL": database_under_test.url,
            "ANSFLOW_REDIS__URL": redis_url(),
            "ANSFLOW_RABBITMQ__URL": rabbit.url,
            "ANSFLOW_RABBITMQ__PREFIX": rabbit.prefix,
            "ANSFLOW_DATA__FOLDER": str(tmp_path / "data"),
            "ANSFLOW_WORKER__ISOLATION": "none",
            "ANSFLOW_WORKER__QUEUES": '["high","low"]',
        }
        with supervised(environment) as supervisor:
            until(lambda: len(workers_of(supervisor)) == 2)
            first, second = workers_of(supervisor)
            for worker in (first, second):
                assert not [name for name in worker.environ() if name.startswith("ANSFLOW_")]
            guards = first.children()
            first.kill()
            until(lambda: len(workers_of(supervisor)) == 2 and first not in workers_of(supervisor))
            assert second in workers_of(supervisor)
            # What the killed one left behind ended by itself.
            until(lambda: not any(map(is_alive, guards)))
            supervisor.send_signal(signal.SIGTERM)
            assert supervisor.wait(30) == 0
