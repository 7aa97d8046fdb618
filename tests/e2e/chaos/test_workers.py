"""Workers are killed, frozen and stopped in mid-job: the job ends elsewhere, once."""

import contextlib
import hashlib
import secrets
import signal
import uuid
from collections.abc import AsyncIterator
from functools import partial

import psutil
import pytest

from app.core.errors import Unavailable
from app.executions.repository.claims import ClaimRepository
from tests.e2e.chaos.spying import is_in_environment, nothing_is_found
from tests.e2e.chaos.stage import PATIENCE_S, Room, Stage, numbers, pipeline
from tests.e2e.system import Process
from tests.e2e.test_executions import marked
from tests.polling import until, until_true
from workers.parts import open_database

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.chaos,
    pytest.mark.timeout(400),
]

# The lock is inherited by all that the step starts: who gets it is alone. An attempt is the
# first one if nobody began before.
LONG_JOB = """
work:
  runs-on: ubuntu-latest
  steps:
    - run: seq 1 400
    - run: |
        exec 9>>"$ROOM/lock"
        flock -n 9 || { echo overlap >> "$ROOM/story"; exit 9; }
        echo begin >> "$ROOM/story"
        seq 1 300
        if [ "$(grep -c begin "$ROOM/story")" = 1 ]; then
          setsid sleep 600 &
          nohup sleep 601 > /dev/null 2>&1 &
          (setsid sleep 602 &)
          echo waits >> "$ROOM/story"
          sleep 603
        fi
        seq 301 500
        echo end >> "$ROOM/story"
"""


class Long:
    """A job that waits in its second step the first time it is run."""

    def __init__(self, room: Room, marker: str, execution_id: str) -> None:
        self.room = room
        self.marker = marker
        self.execution_id = execution_id
        self.job_id = self.worker_id = ""

    @classmethod
    async def start(cls, stage: Stage) -> "Long":
        """Trigger it and wait until it waits, its lines stored."""
        room, marker = stage.room(), f"marker-{secrets.token_hex(8)}"
        source = pipeline(LONG_JOB, ROOM=str(room.folder), MARKER=marker)
        system = stage.system
        long = cls(room, marker, await system.trigger(await system.pipeline(source)))
        await room.until_told("waits")
        await until(lambda: len(marked(marker)) >= 4)
        detail = await system.until_running(long.execution_id)
        (job,) = detail["jobs"]
        long.job_id, long.worker_id = job["id"], job["worker_id"]
        await until_true(partial(long.is_stored, stage, job["steps"][1]["id"]), within_s=PATIENCE_S)
        return long

    async def is_stored(self, stage: Stage, step_id: str) -> bool:
        """Whether the first step has ended and all lines of the second are there."""
        finished, _ = await stage.steps(self.job_id, 1)
        return bool(finished.complete) and await stage.system.log(step_id) == numbers(1, 300)

    async def ended_well(self, stage: Stage, *, cut_is_complete: bool = False) -> None:
        """The second attempt alone reached the end; its log and that of the first are right.

        Parameters: `cut_is_complete` when the first attempt's worker could still store its lines.
        """
        detail = await stage.system.ended(self.execution_id, within_s=PATIENCE_S)
        (job,) = detail["jobs"]
        assert detail["status"] == "success", (detail, self.room.story, stage.system.output())
        assert job["attempt"] == 2
        assert self.room.story == ["begin", "waits", "begin", "end"]
        assert not marked(self.marker)
        for step, last in zip(job["steps"], (400, 500), strict=True):
            text = await stage.system.log(step["id"])
            assert text == numbers(1, last)
            assert step["complete"] is True
            assert step["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        await self._first_attempt_is_told(stage, cut_is_complete)

    async def _first_attempt_is_told(self, stage: Stage, cut_is_complete: bool) -> None:
        finished, cut = await stage.steps(self.job_id, 1)
        assert (finished.status, finished.complete) == ("success", True)
        assert await stage.system.log(str(finished.id)) == numbers(1, 400)
        assert (cut.status, cut.complete) == ("cancelled", cut_is_complete)
        assert cut.reason
        assert await stage.system.log(str(cut.id)) == numbers(1, 300)


@contextlib.asynccontextmanager
async def frozen_in_a_transaction(stage: Stage, job: Long) -> AsyncIterator[None]:
    """Hold the row of this job as its worker would that was frozen while it renewed the lease."""
    database = open_database(stage.system.settings)
    with contextlib.suppress(Unavailable):
        async with database.session() as session:
            token = (await stage.job(job.job_id)).claim_token
            assert token is not None
            assert await ClaimRepository(session).fence(uuid.UUID(job.job_id), token)
            yield
    await database.close()


async def test_a_killed_a_frozen_and_a_stopped_worker(stage: Stage) -> None:
    first = [stage.worker(concurrency=1) for _ in range(3)]
    await stage.until_registered(*first)
    jobs = [await Long.start(stage) for _ in first]
    pids = await stage.pids()
    held = {pids[job.worker_id]: job for job in jobs}
    assert set(held) == {process.process.pid for process in first}
    of_killed, of_frozen, of_stopped = (held[process.process.pid] for process in first)
    killed, frozen, stopped = first
    killed.kill()
    frozen.signal(signal.SIGSTOP)
    stopped.signal(signal.SIGTERM)
    async with frozen_in_a_transaction(stage, of_frozen):
        second = stage.worker()
        await of_killed.ended_well(stage)
        await of_frozen.ended_well(stage)
    await of_stopped.ended_well(stage, cut_is_complete=True)
    assert stopped.stop() == 0
    lost = [(await stage.job(job.job_id)).lost for job in (of_killed, of_frozen, of_stopped)]
    assert lost == [1, 1, 0]
    await _wakes_up(stage, frozen, of_frozen, second)


async def _wakes_up(stage: Stage, frozen: Process, of_frozen: Long, second: Process) -> None:
    """What it held is no longer its own; it goes on with other work."""
    await stage.system.detail(of_frozen.execution_id)
    steps = await stage.steps(of_frozen.job_id, 1)
    chunks = await stage.chunks(steps)
    second.stop()
    frozen.signal(signal.SIGCONT)
    other = await stage.system.run("steps:\n  - run: echo other work\n")
    assert other["status"] == "success"
    (job,) = other["jobs"]
    assert job["worker_id"] == of_frozen.worker_id
    await of_frozen.ended_well(stage)
    assert await stage.chunks(await stage.steps(of_frozen.job_id, 1)) == chunks


async def test_a_killed_parent_of_several_workers(stage: Stage) -> None:
    arguments = ("worker", "--queues", "high,medium,low", "--concurrency", "1")
    parent = stage.system.spawn("worker-parent", *arguments)
    job = await Long.start(stage)
    children = psutil.Process(parent.process.pid).children()
    assert len(children) == 3
    parent.kill()
    # Nobody would start them again: they hand back what they have and end.
    await until(lambda: not any(map(is_alive, children)), within_s=PATIENCE_S)
    assert not marked(job.marker)
    assert job.room.story == ["begin", "waits"]
    stage.worker()
    await job.ended_well(stage, cut_is_complete=True)
    assert (await stage.job(job.job_id)).lost == 0


def is_alive(process: psutil.Process) -> bool:
    """Whether it does anything; whoever adopted it may not have waited for it yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_steps_find_no_secret_of_their_worker(stage: Stage) -> None:
    canary = f"canary-{secrets.token_hex(12)}"
    worker = stage.worker(
        OTHER_SECRET=f"{canary}-environment", ANSFLOW_SECURITY__SECRET_KEY=f"{canary}-settings"
    )
    await stage.until_registered(worker)
    assert is_in_environment(worker.process.pid, f"{canary}-environment")
    # What it is configured with has left its environment, too.
    assert not is_in_environment(worker.process.pid, f"{canary}-settings")
    await nothing_is_found(stage.system, stage.room(), canary)
