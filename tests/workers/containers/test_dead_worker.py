"""A worker that dies leaves no container: its guard, or the next guard, removes all of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core.clock import new_id
from tests.workers.containers.conftest import FakeDocker, ask_docker
from workers.guard import Guard
from workers.guard_process import processes


@contextmanager
def worker(root: Path, image: str, job: str) -> Iterator["subprocess.Popen[str]"]:
    """A worker whose job is in its step."""
    argv = [str(root / "work"), str(root / "guard"), image, job]
    process = subprocess.Popen(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", "tests.workers.containers.worker", *argv],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def guard_of(pid: int) -> int:
    children = [entry.pid for entry in processes() if entry.parent == pid]
    return next(child for child in children if b"guard_process" in command_line(child))


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def is_alive(pid: int) -> bool:
    return any(entry.pid == pid and not entry.dead for entry in processes())


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def in_the_engine(job: str) -> list[str]:
    label = f"label=ansflow.job.key={job}"
    containers = ask_docker("ps", "--all", "--quiet", "--filter", label)
    networks = ask_docker("network", "ls", "--quiet", "--filter", label)
    return [*containers.split(), *networks.split()]


class TestKilledWorker:
    def test_its_guard_removes_the_containers(self, work_root: Path, image: str) -> None:
        job = f"job{os.getpid()}a"
        with worker(work_root, image, job) as process:
            assert len(in_the_engine(job)) == 3
            guard = guard_of(process.pid)
            process.kill()
            until_gone(guard)
        assert in_the_engine(job) == []
        assert [path.name for path in (work_root / "work").iterdir()] == ["spool"]

    def test_the_next_guard_does_when_its_own_was_killed_too(
        self, work_root: Path, image: str
    ) -> None:
        job = f"job{os.getpid()}b"
        with worker(work_root, image, job) as process:
            os.kill(guard_of(process.pid), signal.SIGKILL)
            process.kill()
            process.wait()
            assert len(in_the_engine(job)) == 3
            following = Guard(work_root / "guard", new_id())
            following.start()
            following.close()
        assert in_the_engine(job) == []

    def test_an_engine_that_does_not_answer_is_asked_again_by_the_next_guard(
        self, work_root: Path, docker: FakeDocker
    ) -> None:
        with worker(work_root, "image:1", "job") as process:
            assert len(docker.left) > 2
            (docker.state / "down").touch()
            guard = guard_of(process.pid)
            process.kill()
            until_gone(guard)
        assert len(docker.left) > 2
        # What may still be written to is not removed yet.
        assert len(list((work_root / "work").iterdir())) == 2
        (docker.state / "down").unlink()
        following = Guard(work_root / "guard", new_id())
        following.start()
        following.close()
        assert docker.left == []
        assert [path.name for path in (work_root / "work").iterdir()] == ["spool"]


@pytest.mark.parametrize("settings", [{}, {"ANSFLOW_WORKER__CONTAINERS": "off"}])
def test_the_command_runs_jobs_in_containers(
    docker: FakeDocker, tmp_path: Path, settings: dict[str, str]
) -> None:
    file = tmp_path / "ci.yml"
    file.write_text(
        "jobs:\n  a:\n    runs-on: [ubuntu-latest, docker]\n    container: {image: 'image:1'}\n"
        "    services: {db: 'db:1'}\n    steps: [{run: 'echo \"in ${{ job.container.id }}\"'}]\n"
    )
    command = str(Path(sys.executable).parent / "ansflow")
    done = subprocess.run(  # noqa: S603  our own command
        [command, "run", str(file)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if settings:
        assert done.returncode == 1
        assert "turned them off" in done.stdout
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "a │ in " in done.stdout
        assert "a │ this is the log of db:1" in done.stdout
    assert docker.left == []
