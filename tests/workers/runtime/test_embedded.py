"""The worker inside a server process, on one data folder."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from app.core.db import Database
from app.events import bind
from app.jobs.relay import Relay
from app.settings import Settings
from tests.executions.driver import Driver
from tests.fixtures.databases import DatabaseUnderTest
from tests.fixtures.factories import Factory
from workers.embedded import DataFolderInUse, EmbeddedWorker

pytestmark = pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)

ENDED = {"success", "failure", "cancelled", "timed_out", "skipped"}


@pytest.fixture
def embedded(database_under_test: DatabaseUnderTest) -> Settings:
    """A data folder with an empty database; jobs run as the account of the tests."""
    return Settings(
        _env_file=None,
        data={"folder": database_under_test.folder},
        worker={"isolation": "none"},
    )


@contextmanager
def started(settings: Settings) -> Iterator[EmbeddedWorker]:
    worker = EmbeddedWorker(settings)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(drain_s=10)


@asynccontextmanager
async def server(worker: EmbeddedWorker, database: Database) -> AsyncIterator[None]:
    """What the server shares with the worker: events, and a relay on its own loop."""
    bind(worker.bus, database)
    relaying = asyncio.create_task(Relay(database, worker.publisher).run())
    try:
        yield
    finally:
        relaying.cancel()
        await asyncio.wait({relaying})


async def launch(make: Factory, driver: Driver, source: str) -> uuid.UUID:
    pipeline = await make.pipeline(await make.project(), source=source)
    return await driver.start(pipeline.id)


async def ends(driver: Driver, execution_id: uuid.UUID) -> list[str]:
    """Wait for the ends of all jobs; their status."""
    async with asyncio.timeout(40):
        while True:
            statuses = list((await driver.statuses(execution_id)).values())
            if all(status in ENDED for status in statuses):
                return statuses
            await asyncio.sleep(0.02)


async def begins(driver: Driver, execution_id: uuid.UUID) -> None:
    async with asyncio.timeout(40):
        while "running" not in (await driver.statuses(execution_id)).values():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class TestEmbeddedWorker:
    async def test_a_pipeline_runs_and_its_message_is_forgotten(
        self, embedded: Settings, database: Database, make: Factory, driver: Driver
    ) -> None:
        with started(embedded) as worker:
            async with server(worker, database):
                execution = await launch(make, driver, "steps:\n  - run: echo hello\n")
                assert await ends(driver, execution) == ["success"]
                async with asyncio.timeout(20):
                    while await driver.messages():  # noqa: ASYNC110  a row has no event
                        await asyncio.sleep(0.02)

    def test_no_thread_and_no_process_is_left_after_the_end(self, embedded: Settings) -> None:
        threads, children = set(threading.enumerate()), psutil.Process().children()
        with started(embedded):
            assert len(threading.enumerate()) > len(threads)
        assert set(threading.enumerate()) == threads
        assert psutil.Process().children() == children

    async def test_what_was_queued_before_the_start_runs(
        self, embedded: Settings, make: Factory, driver: Driver
    ) -> None:
        executions = [await launch(make, driver, "steps:\n  - run: 'true'\n") for _ in range(3)]
        with started(embedded):
            for execution in executions:
                assert await ends(driver, execution) == ["success"]

    async def test_groups_move_on_by_messages(
        self, embedded: Settings, database: Database, make: Factory, driver: Driver
    ) -> None:
        source = "concurrency: one\nsteps:\n  - run: 'true'\n"
        with started(embedded) as worker:
            async with server(worker, database):
                pipeline = await make.pipeline(await make.project(), source=source)
                executions = [await driver.start(pipeline.id) for _ in range(3)]
                for execution in executions:
                    assert await ends(driver, execution) == ["success"]

    async def test_a_second_server_on_the_folder_is_refused_and_changes_nothing(
        self, embedded: Settings
    ) -> None:
        with (
            started(embedded),
            pytest.raises(DataFolderInUse, match=r"in use by another AnsFlow server \(process"),
        ):
            EmbeddedWorker(embedded).start(prepare=lambda: pytest.fail("not ours"))
        with started(embedded):
            pass

    async def test_a_failing_preparation_frees_the_folder(self, embedded: Settings) -> None:
        def fail() -> None:
            raise LookupError("no migration")

        with pytest.raises(LookupError):
            EmbeddedWorker(embedded).start(prepare=fail)
        with started(embedded):
            pass

    async def test_running_jobs_go_back_to_the_queue_for_the_next_start(
        self, embedded: Settings, make: Factory, driver: Driver, tmp_path: Path
    ) -> None:
        execution = await launch(make, driver, _first_hangs(tmp_path / "mark"))
        worker = EmbeddedWorker(embedded)
        worker.start()
        await begins(driver, execution)
        await _exists(tmp_path / "mark")
        await asyncio.to_thread(worker.stop, drain_s=0)
        (job,) = (await driver.jobs(execution)).values()
        assert (str(job.status), job.lost) == ("queued", 0)
        with started(embedded):
            assert await ends(driver, execution) == ["success"]


def _first_hangs(mark: Path) -> str:
    script = f"test -e {mark} && exit 0; touch {mark}; sleep 600"
    return f"steps:\n  - run: {json.dumps(script)}\n"


async def _exists(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():  # noqa: ASYNC110, ASYNC240  made by another process
            await asyncio.sleep(0.01)


_SERVER = """
import sys, time
from app.settings import Settings
from workers.embedded import EmbeddedWorker
settings = Settings(_env_file=None, data={"folder": sys.argv[1]}, worker={"isolation": "none"})
EmbeddedWorker(settings).start()
time.sleep(600)
"""


class TestRestart:
    async def test_after_a_kill_the_next_start_takes_over_at_once(
        self, embedded: Settings, make: Factory, driver: Driver, tmp_path: Path
    ) -> None:
        execution = await launch(make, driver, _first_hangs(tmp_path / "mark"))
        process = subprocess.Popen(  # noqa: S603, ASYNC220  it ends by our signal only
            [sys.executable, "-c", _SERVER, str(embedded.data.folder)]
        )
        with process:
            await _exists(tmp_path / "mark")
            process.send_signal(signal.SIGKILL)
        (job,) = (await driver.jobs(execution)).values()
        assert job.lease_until is not None
        # The lease still has most of its 20 s; nobody waits for it.
        with started(embedded):
            assert await ends(driver, execution) == ["success"]
            (job,) = (await driver.jobs(execution)).values()
        assert (job.attempt, job.lost) == (2, 1)
