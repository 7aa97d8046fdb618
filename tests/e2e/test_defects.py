"""The worker's own code fails in mid-job: the attempt ends at once, its log is kept."""

import hashlib
import secrets
import tempfile
import textwrap
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from app.models import Step
from tests.e2e.chaos.stage import Room, numbers, pipeline
from tests.e2e.conftest import MODES, running
from tests.e2e.system import System
from tests.e2e.test_executions import by_key, marked

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("defects"),
    pytest.mark.timeout(300),
]

# Python imports this in every process of ours; steps have another environment.
DEFECTS = """
import asyncio

from app.core import log_chunks
from workers import execution
from workers.runner import database, logsink

feed, write_chunks, give = logsink.StepLog.feed, database.write_chunks, execution.give
change_steps = database.change_steps


async def failing_feed(self, data):
    await feed(self, data)
    if b"BREAK" in data:
        raise MemoryError("secret text")


async def slow_change(*args, **kwargs):
    # The last lines of a step and the first of the next one come together.
    await asyncio.sleep(0.5)
    return await change_steps(*args, **kwargs)


async def failing_write(*args, chunks, **kwargs):
    if any(b"UNSTORABLE" in log_chunks.served_text(each.data, each.times) for each in chunks):
        raise TypeError("secret text")
    return await write_chunks(*args, chunks=chunks, **kwargs)


async def failing_give(database, keys, claimed, *args):
    if claimed.key == "given" and claimed.attempt == 1:
        raise KeyError("secret text")
    return await give(database, keys, claimed, *args)


logsink.StepLog.feed = failing_feed
database.write_chunks = failing_write
database.change_steps = slow_change
execution.give = failing_give
"""

JOBS = """
step:
  runs-on: ubuntu-latest
  steps:
    - run: seq 1 100
    - run: |
        exec 9>>"$ROOM/lock"
        flock -n 9 || { echo overlap >> "$ROOM/story"; exit 9; }
        echo begin >> "$ROOM/story"
        seq 1 300
        if [ "$(grep -c begin "$ROOM/story")" = 1 ]; then
          setsid sleep 600 &
          echo BREAK
          sleep 601
        fi
        echo end >> "$ROOM/story"
store:
  runs-on: ubuntu-latest
  steps:
    - run: sleep 0.1; seq 1 200
    - run: |
        if [ "$(grep -c store "$ROOM/story")" = 0 ]; then
          echo store >> "$ROOM/story"
          echo UNSTORABLE
          sleep 602
        fi
given:
  runs-on: ubuntu-latest
  steps:
    - run: echo given
for-ever:
  runs-on: ubuntu-latest
  steps:
    - run: echo BREAK; sleep 603
"""


@pytest.fixture(scope="module")
def defects() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="ansflow-defects-") as folder:
        (Path(folder) / "sitecustomize.py").write_text(DEFECTS)
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=MODES)
async def broken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, defects: str
) -> AsyncIterator[System]:
    """A running AnsFlow in each mode whose workers have these defects."""
    folder = tmp_path_factory.mktemp(request.param)
    async with running(request.param, request, folder, PYTHONPATH=defects) as started:
        yield started


@pytest.fixture
def room() -> Iterator[Room]:
    """What jobs tell."""
    with tempfile.TemporaryDirectory(prefix="ansflow-rooms-") as parent:
        Path(parent).chmod(0o755)
        yield Room.make(Path(parent))


async def steps_of(system: System, job: dict[str, Any], attempt: int) -> list[Step]:
    """The steps of one attempt, in order."""
    database = system.open_database()
    async with database.read() as session:
        wanted = (Step.job_id == uuid.UUID(job["id"]), Step.attempt == attempt)
        rows = list(await session.scalars(select(Step).where(*wanted).order_by(Step.index)))
    await database.close()
    return rows


async def test_the_attempt_ends_at_once_and_what_it_printed_is_kept(
    broken: System, room: Room
) -> None:
    marker = f"marker-{secrets.token_hex(8)}"
    source = pipeline(textwrap.dedent(JOBS), ROOM=str(room.folder), MARKER=marker)
    execution_id = await broken.trigger(await broken.pipeline(source))
    detail = await broken.ended(execution_id, within_s=120)
    jobs = by_key(detail)
    assert detail["status"] == "failure"
    assert not marked(marker)
    for key in ("step", "store", "given"):
        assert (jobs[key]["status"], jobs[key]["attempt"]) == ("success", 2), jobs[key]
    # Nothing of the first attempt was left when the second began.
    assert [line for line in room.story if line != "store"] == ["begin", "begin", "end"]
    await _log_is_kept(broken, jobs["step"])
    (printed, _) = await steps_of(broken, jobs["store"], 1)
    assert await broken.log(str(printed.id)) == numbers(1, 200)
    for_ever = jobs["for-ever"]
    assert (for_ever["status"], for_ever["attempt"]) == ("failure", 3)
    assert "internal_error: MemoryError" in for_ever["reason"]
    assert "restarted 2 times already" in for_ever["reason"]
    await _reasons_are_told(broken, execution_id)


async def _log_is_kept(broken: System, job: dict[str, Any]) -> None:
    before, cut = await steps_of(broken, job, 1)
    assert (before.status, before.complete) == ("success", True)
    assert await broken.log(str(before.id)) == numbers(1, 100)
    assert (cut.status, cut.complete) == ("failure", False)
    assert "internal_error: MemoryError" in (cut.reason or "")
    text = await broken.log(str(cut.id))
    assert cut.sha256 == hashlib.sha256(text.encode()).hexdigest()
    *printed, told = text.splitlines(keepends=True)
    assert "".join(printed) == numbers(1, 300) + "BREAK\n"
    assert told.startswith("##[error]internal_error: MemoryError at workers/runner/")


async def _reasons_are_told(broken: System, execution_id: str) -> None:
    async with broken.client() as client:
        events = (await client.get(f"/executions/{execution_id}/events")).json()
    for kind in ("MemoryError at ", "TypeError at ", "KeyError at "):
        assert any(f"internal_error: {kind}" in str(event) for event in events), events
    # Nobody had to wait for the end of a lease, and nobody is told what the error said.
    assert "did not renew its lease" not in str(events)
    assert "secret text" not in str(events)
