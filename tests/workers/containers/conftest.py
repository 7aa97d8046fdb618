"""A pretended docker engine on the PATH, and the real one where it answers."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.containers import fake_docker
from tests.workers.runner.conftest import any_bench, bench, executor, work_root

__all__ = ["any_bench", "bench", "executor", "work_root"]

IMAGE = "ansflow-test-image:1"
PROGRAMS = (
    "sh", "bash", "tail", "cat", "sleep", "id", "ls", "env", "mkdir", "chmod", "rm", "touch",
    "getent", "perl", "setsid", "test", "mknod",
)  # fmt: skip


class FakeDocker:
    """The pretended engine: what was called, and what is still there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        for name in ("containers", "network", "volume"):
            (self.state / name).mkdir(parents=True)
        source = Path(fake_docker.__file__).read_text()
        program = folder / "docker"
        program.write_text(f"#!{sys.executable} -S\n{source}")
        program.chmod(0o755)

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.state / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def called(self, *words: str) -> list[list[str]]:
        """The calls that begin so."""
        argvs = [call["argv"] for call in self.calls]
        return [argv for argv in argvs if tuple(argv[: len(words)]) == words]

    @property
    def left(self) -> list[str]:
        """Containers, networks and volumes that nobody removed."""
        kinds = ("containers", "network", "volume")
        return [path.name for kind in kinds for path in (self.state / kind).iterdir()]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    fake = FakeDocker(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    return fake


def ask_docker(*arguments: str) -> str:
    """What the real engine says."""
    done = subprocess.run(  # noqa: S603  the docker command of this machine
        ["docker", *arguments],  # noqa: S607  wherever it is
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of this machine's own programs, in the real engine."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command here")
    answer = subprocess.run(
        ["docker", "info"],  # noqa: S607  wherever it is
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if answer.returncode != 0:
        pytest.skip(f"no docker engine answers: {answer.stderr.strip()[-200:]}")
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    with tarfile.open(archive, "w", dereference=True) as tar:
        added: set[str] = set()
        for program in PROGRAMS:
            found = shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin")
            if found is None:
                pytest.skip(f"no image can be made: this machine has no {program}")
            tar.add(found, f"bin/{program}")
            added |= libraries(found)
        for library in sorted(added):
            tar.add(library, library.lstrip("/"))
        for folder in Path("/usr/lib").glob("*/perl-base"):
            tar.add(folder, str(folder).lstrip("/"))
        for name, text in (("etc/passwd", "root:x:0:0::/:/bin/sh\n"), ("tmp/.keep", "")):
            file = tmp_path_factory.mktemp("file") / "file"
            file.write_text(text)
            tar.add(file, name)
    name = f"{IMAGE}-{os.getpid()}"
    ask_docker("import", "--change", "ENV PATH=/opt/own:/usr/bin:/bin", str(archive), name)
    yield name
    ask_docker("rmi", "--force", name)


def libraries(program: str) -> set[str]:
    """The libraries that a program needs."""
    done = subprocess.run(  # noqa: S603  of this machine
        ["ldd", program],  # noqa: S607  wherever it is
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.replace("=>", " ").split()
    return {word for word in words if word.startswith("/") and Path(word).exists()}
