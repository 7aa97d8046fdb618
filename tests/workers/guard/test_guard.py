"""Whatever happens to a worker, the processes of its jobs do not outlive it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.guard_process import processes

NAP = f"700.{os.getpid()}"


class Worker:
    """A worker process with one running job."""

    def __init__(self, work_root: Path, *, beat_timeout_s: float = 60, how: str = "") -> None:
        self.work = work_root / "work"
        self.folder = work_root / "guard"
        argv = [str(self.work), str(self.folder), str(beat_timeout_s), NAP, how]
        self.process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "tests.workers.guard.worker", *argv],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready"
        assert len(naps()) >= 4

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def guard(self) -> int:
        """The number of its guard process."""
        children = [entry.pid for entry in processes() if entry.parent == self.process.pid]
        return next(pid for pid in children if b"guard_process" in command_line(pid))

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.process.kill()
        worker.process.wait()
        assert worker.process.stdout is not None
        worker.process.stdout.close()
    until_none_is_left()


def naps() -> list[int]:
    return [e.pid for e in processes() if not e.dead and NAP.encode() in command_line(e.pid)]


def command_line(pid: int) -> bytes:
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return b""
    return b" ".join(argv) if b"tests.workers.guard.worker" not in argv else b""


def until_none_is_left() -> None:
    deadline = time.monotonic() + 30
    while naps():
        assert time.monotonic() < deadline, "processes of a dead worker's job are still there"
        time.sleep(0.05)


def test_nothing_survives_a_killed_worker(work_root: Path, workers: list[Worker]) -> None:
    worker = Worker(work_root)
    workers.append(worker)
    worker.send(signal.SIGKILL)
    until_none_is_left()
    deadline = time.monotonic() + 30
    while list(worker.folder.glob("*.guard")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [path.name for path in worker.work.iterdir()] == ["spool"]


def test_nothing_survives_a_stopped_worker_which_then_knows(
    work_root: Path, workers: list[Worker]
) -> None:
    worker = Worker(work_root, beat_timeout_s=2)
    workers.append(worker)
    worker.send(signal.SIGSTOP)
    until_none_is_left()
    worker.send(signal.SIGCONT)
    assert worker.line() == "lost"


def test_nothing_survives_a_worker_that_hangs(work_root: Path, workers: list[Worker]) -> None:
    worker = Worker(work_root, beat_timeout_s=1.5, how="hang")
    workers.append(worker)
    assert worker.line() == "lost"
    assert not naps()


def test_the_next_guard_removes_what_worker_and_guard_left(
    work_root: Path, workers: list[Worker]
) -> None:
    first = Worker(work_root)
    workers.append(first)
    os.kill(first.guard(), signal.SIGKILL)
    first.send(signal.SIGKILL)
    first.process.wait()
    left = naps()
    assert left
    workers.append(Worker(work_root))
    assert not set(left) & set(naps())
    folders = [path.name for path in first.work.iterdir() if path.name != "spool"]
    assert len(folders) == 1


def test_a_guard_that_was_killed_is_replaced(work_root: Path, workers: list[Worker]) -> None:
    worker = Worker(work_root)
    workers.append(worker)
    first = worker.guard()
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while True:
        try:
            if worker.guard() != first:
                break
        except StopIteration:
            assert time.monotonic() < deadline
        time.sleep(0.05)
    assert naps()
    time.sleep(0.2)
    worker.send(signal.SIGKILL)
    until_none_is_left()
