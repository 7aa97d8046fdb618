"""The embedded mode: killed in mid-job, spied on by its steps, and given bad ones."""

import asyncio
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.chaos.spying import is_in_environment, nothing_is_found
from tests.e2e.chaos.stage import PATIENCE_S, Room, numbers, pipeline
from tests.e2e.conftest import start_embedded
from tests.e2e.system import ANSFLOW, System
from tests.e2e.test_executions import by_key, marked
from tests.polling import until
from workers.execution import work_folder

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("chaos-embedded"),
    pytest.mark.chaos,
    pytest.mark.timeout(400),
]

CANARY = f"canary-{secrets.token_hex(12)}"
INTERRUPTED = """
work:
  runs-on: ubuntu-latest
  steps:
    - run: seq 1 100
    - run: |
        exec 9>>"$ROOM/lock"
        flock -n 9 || { echo overlap >> "$ROOM/story"; exit 9; }
        echo begin >> "$ROOM/story"
        seq 1 50
        if [ "$(grep -c begin "$ROOM/story")" = 1 ]; then
          setsid sleep 600 &
          sleep 601
        fi
        echo end >> "$ROOM/story"
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Open to all, as that of a careless administrator: only AnsFlow itself protects it."""
    made = Path(tempfile.mkdtemp(prefix="ansflow-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def small_disk(folder: Path) -> Iterator[bool]:
    """Workspaces on a file system of 16 MiB; False where this account may not make one."""
    work = work_folder(folder / "data", isolates=True)
    work.mkdir(parents=True)
    argv = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=711", "tmpfs", str(work)]
    mounted = os.geteuid() == 0 and subprocess.run(argv, check=False).returncode == 0  # noqa: S603
    yield mounted
    if mounted:
        subprocess.run(["umount", "--lazy", str(work)], check=True)  # noqa: S603, S607
    shutil.rmtree(work.parent)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def embedded(folder: Path, small_disk: bool) -> AsyncIterator[System]:
    """`ansflow up` with secrets around it."""
    (folder / ".env").write_text(f"SOME_PASSWORD={CANARY}-env-file\n")
    (folder / ".env").chmod(0o600)
    started = await start_embedded(
        folder, ANSFLOW_SECURITY__SECRET_KEY=f"{CANARY}-key", OTHER_SECRET=f"{CANARY}-environment"
    )
    yield started
    await asyncio.to_thread(started.stop)


@pytest.fixture
def room() -> Iterator[Room]:
    """What jobs tell."""
    with tempfile.TemporaryDirectory(prefix="ansflow-rooms-") as parent:
        Path(parent).chmod(0o755)
        yield Room.make(Path(parent))


async def test_a_killed_server_goes_on_at_its_next_start(embedded: System, room: Room) -> None:
    marker = f"marker-{secrets.token_hex(8)}"
    source = pipeline(INTERRUPTED, ROOM=str(room.folder), MARKER=marker)
    execution_id = await embedded.trigger(await embedded.pipeline(source))
    await embedded.until_running(execution_id)
    await until(lambda: len(marked(marker)) >= 3)
    server = embedded.processes["server"]
    server.kill()
    server.start()
    await embedded.serving()
    refused = await _second_server(embedded)
    detail = await embedded.ended(execution_id, within_s=PATIENCE_S)
    (job,) = detail["jobs"]
    assert (detail["status"], job["attempt"]) == ("success", 2)
    assert room.story == ["begin", "begin", "end"]
    assert await embedded.log(job["steps"][1]["id"]) == numbers(1, 50)
    # Not after the lease: it knows at once that the other process is dead.
    async with embedded.client() as client:
        events = (await client.get(f"/executions/{execution_id}/events")).json()
    assert any("the server was restarted" in str(event) for event in events)
    assert "in use by another AnsFlow server" in refused
    assert not marked(marker)


async def _second_server(embedded: System) -> str:
    """Start another server on the same folder; what it says as it refuses."""
    other = await asyncio.create_subprocess_exec(
        *(ANSFLOW, "up", "--no-examples", "--port", "0"),
        env=embedded.environment,
        cwd=embedded.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await other.communicate()
    assert other.returncode != 0
    return " ".join(said.decode().split())


async def test_steps_find_no_secret(embedded: System, room: Room) -> None:
    assert is_in_environment(embedded.processes["server"].process.pid, f"{CANARY}-environment")
    assert is_in_environment(embedded.processes["server"].process.pid, f"{CANARY}-key")
    await embedded.pipeline(f"name: {CANARY}-database\nsteps:\n  - run: 'true'\n")
    await nothing_is_found(embedded, room, CANARY)


BAD = """
on: workflow_dispatch
defaults: {run: {shell: bash}}
jobs:
  binary:
    runs-on: ubuntu-latest
    steps: [{run: "head -c 300000 /dev/urandom; echo; echo done"}]
  invalid:
    runs-on: ubuntu-latest
    steps: [{run: 'printf "a\\xff\\xfeb\\0c\\xc3(\\n"'}]
  long:
    runs-on: ubuntu-latest
    steps: [{run: 'head -c 50000000 /dev/zero | tr "\\0" x; echo; echo done'}]
  silent:
    runs-on: ubuntu-latest
    steps: [{run: sleep 3}]
  unknown:
    runs-on: ubuntu-latest
    steps:
      - run: no-such-command
      - run: echo not reached
        shell: no-such-shell {0}
        if: always()
"""


async def test_bad_steps_end_with_a_reason_and_their_log(embedded: System) -> None:
    detail = await embedded.run(BAD)
    jobs = by_key(detail)
    for key in ("binary", "invalid", "long", "silent"):
        assert jobs[key]["status"] == "success", jobs[key]
    assert (await whole_log(embedded, jobs["binary"])).endswith("\ndone\n")
    assert "\ufffd" in await whole_log(embedded, jobs["invalid"])
    assert await whole_log(embedded, jobs["long"]) == "x" * 50_000_000 + "\ndone\n"
    assert await whole_log(embedded, jobs["silent"]) == ""
    unknown, shell = jobs["unknown"]["steps"]
    assert (unknown["status"], unknown["exit_code"]) == ("failure", 127)
    assert "no-such-command" in await embedded.log(unknown["id"])
    assert shell["status"] == "failure"
    assert "no-such-shell" in shell["reason"]
    await lives_on(embedded)


async def whole_log(embedded: System, job: dict[str, Any]) -> str:
    """The log of the first step, which is what its digest says."""
    step = job["steps"][0]
    text = await embedded.log(step["id"])
    assert step["complete"] is True
    assert step["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    return text


async def lives_on(embedded: System) -> None:
    """The worker that met all this runs the next job."""
    assert embedded.processes["server"].process.poll() is None
    detail = await embedded.run("steps:\n  - run: echo fine\n")
    assert detail["status"] == "success"


async def test_a_full_disk(embedded: System, small_disk: bool) -> None:
    if not small_disk:
        pytest.skip("this account may not mount a small file system")
    detail = await embedded.run(
        """
        steps:
          - run: |
              echo before
              head -c 50000000 /dev/zero > big
          - run: 'echo cannot be written # LONG'
            if: always()
        """.replace("LONG", "x" * 20_000)
    )
    assert detail["status"] == "failure"
    (job,) = detail["jobs"]
    for step in job["steps"]:
        assert step["status"] == "failure"
        told = f"{step['reason']} {await embedded.log(step['id'])}"
        assert "No space left on device" in told
    assert (await embedded.log(job["steps"][0]["id"])).startswith("before\n")
    await lives_on(embedded)
