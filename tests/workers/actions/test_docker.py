"""The docker actions, with a command of that name which writes down how it was called."""

import asyncio
import json
from pathlib import Path

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, MemoryStore

FAKE = """#!/bin/sh
echo "$@" >> "$LOG"
[ -n "$DOCKER_CONFIG" ] && cat "$DOCKER_CONFIG/config.json" >> "$LOG.config"
case "$1" in
  version) [ -z "$NO_DAEMON" ] || { echo "Cannot connect"; exit 1; }; echo 28 ;;
  build) for a in "$@"; do case "$a" in --iidfile=*) printf sha256:abc > "${a#*=}";; esac; done ;;
  image) echo '["registry.example/app@sha256:def"]' ;;
  run) [ -z "$SLOW" ] || { echo started; sleep 600; } ;;
esac
"""


@pytest.fixture
def log(work_root: Path) -> Path:
    """Where the command writes to; its folder is open for the account of the job."""
    folder = work_root / "docker"
    folder.mkdir()
    folder.chmod(0o777)
    command = folder / "docker"
    command.write_text(FAKE)
    command.chmod(0o755)
    return folder / "log"


PASSWORD = "a long password"  # noqa: S105  a test's own


def file(log: Path, uses: str, more: str = "", **inputs: str) -> str:
    env = {"PATH": f"{log.parent}:/usr/bin:/bin", "LOG": str(log)}
    return (
        f"on: push\nenv: {json.dumps(env)}\nsteps:\n  - uses: {uses}\n    id: it\n"
        f"    with: {json.dumps(inputs)}\n{more}"
    )


def calls(log: Path) -> list[str]:
    return log.read_text().splitlines()


async def test_build_and_push(bench: Bench, log: Path) -> None:
    text = file(
        log,
        "docker-build",
        '  - run: echo "${{ steps.it.outputs.image-id }} ${{ steps.it.outputs.digest }}"\n',
        tags="registry.example/app:1\nregistry.example/app:latest",
        **{"build-args": "A=1\nB=two words", "push": "true", "no-cache": "true"},
        registry="registry.example",
        username="me",
        password=PASSWORD,
    )
    result = await bench.run(text)
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    build = calls(log)[1]
    assert build.startswith("build --iidfile=")
    assert "--tag=registry.example/app:1 --tag=registry.example/app:latest" in build
    assert "--build-arg=A=1 --build-arg=B=two words --no-cache ." in build
    assert calls(log)[2:4] == ["push registry.example/app:1", "push registry.example/app:latest"]
    assert bench.store.text(1) == "sha256:abc sha256:def\n"
    # The password is in no command line, and its file is gone.
    assert not any(PASSWORD in call for call in calls(log))
    assert '"registry.example"' in "".join(calls(log.parent / "log.config"))


async def test_run_has_the_workspace(bench: Bench, log: Path) -> None:
    text = file(log, "docker-run", image="alpine", run="echo hello", env="A=1")
    assert (await bench.run(text)).status is JobStatus.SUCCESS, bench.store.text(0)
    run = calls(log)[1]
    assert run.startswith("run --rm --name=ansflow-")
    assert ":/github/workspace --workdir=/github/workspace --env=A=1 alpine sh -ec" in run


async def test_a_cancelled_container_is_removed(bench: Bench, log: Path) -> None:
    text = file(log, "docker-run", image="alpine", args="true")
    task = bench.start(text.replace('"LOG"', '"SLOW": "1", "LOG"'))
    await bench.store.until("started")
    bench.cancel.request()
    async with asyncio.timeout(30):
        assert (await task).status is JobStatus.CANCELLED
    name = calls(log)[1].split("--name=")[1].split()[0]
    assert calls(log)[-1] == f"rm --force {name}"


@pytest.mark.parametrize(
    ("uses", "inputs", "why"),
    [
        ("docker-build", {"tags": "--output=/etc"}, "must hold names of images"),
        ("docker-push", {"tags": "x", "username": "me"}, "belong together"),
        ("docker-run", {"image": "x", "options": "'"}, "cannot be read as words"),
    ],
)
async def test_wrong_inputs_say_why(
    bench: Bench, log: Path, uses: str, inputs: dict[str, str], why: str
) -> None:
    assert (await bench.run(file(log, uses, **inputs))).status is JobStatus.FAILURE
    assert why in (bench.store.step(0).reason or "")


async def test_without_docker_it_says_so(bench: Bench, log: Path, tmp_path: Path) -> None:
    text = file(log, "docker-push", tags="x")
    result = await bench.run(text.replace(f"{log.parent}:/usr/bin:/bin", "/nowhere"))
    assert result.status is JobStatus.FAILURE
    assert "This worker has no docker command" in (bench.store.step(0).reason or "")
    bench.store = MemoryStore()
    result = await bench.run(text.replace('"LOG"', '"NO_DAEMON": "1", "LOG"'))
    assert "cannot use docker on this worker" in (bench.store.step(0).reason or "")
