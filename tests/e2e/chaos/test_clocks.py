"""Clocks of processes minutes apart: only the database's is believed."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.clock import utcnow
from tests.e2e.chaos.stage import LEASE_S, PATIENCE_S, Stage, pipeline

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("chaos"),
    pytest.mark.chaos,
    pytest.mark.timeout(400),
]

RETRIED = """
work:
  runs-on: ubuntu-latest
  retry: {max-attempts: 2, delay-seconds: DELAY, on: [failure]}
  steps:
    - run: |
        echo a line
        echo work >> "$ROOM/story"
        [ "$(grep -c work "$ROOM/story")" = 2 ]
"""
LEFT = """
left:
  runs-on: ubuntu-latest
  steps:
    - run: |
        echo left >> "$ROOM/story"
        [ "$(grep -c left "$ROOM/story")" = 2 ] || sleep 600
"""
DELAY_S = 4
FAR = timedelta(seconds=60)
"""Much less than what the clocks differ by, and more than a busy machine needs."""


def clock(offset: str) -> dict[str, str]:
    """Variables that move a process's clock, but not its measure of durations."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found or shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


def times(job: dict[str, Any]) -> tuple[datetime, datetime]:
    """When the first attempt ended and the second was claimed, both by the database's clock."""
    (first,) = job["attempts"]
    return datetime.fromisoformat(first["finished_at"]), datetime.fromisoformat(job["started_at"])


async def start_retried(stage: Stage) -> str:
    room = stage.room()
    source = pipeline(RETRIED.replace("DELAY", str(DELAY_S)), ROOM=str(room.folder))
    return await stage.system.trigger(await stage.system.pipeline(source))


async def steps_tell_the_time_of_the_database(stage: Stage, job: dict[str, Any]) -> None:
    """The worker's clock, minutes off, is seen nowhere."""
    claimed = datetime.fromisoformat(job["started_at"])
    async with stage.system.client() as client:
        for step in job["steps"]:
            told = [datetime.fromisoformat(step[name]) for name in ("started_at", "finished_at")]
            answer = await client.get(f"/steps/{step['id']}/logs")
            told += [datetime.fromisoformat(line["at"]) for line in answer.json()["lines"]]
            assert len(told) > 2
            for at in told:
                assert abs(at - claimed) < FAR


async def test_clocks_ten_minutes_apart(stage: Stage) -> None:
    system = stage.system
    async with stage.schedulers(clock("-300s"), clock("+300s")):
        fast = stage.worker(concurrency=2, **clock("+300s"))
        await stage.until_registered(fast)
        room = stage.room()
        left = await system.trigger(await system.pipeline(pipeline(LEFT, ROOM=str(room.folder))))
        await room.until_told("left")
        slow = stage.worker(concurrency=2, **clock("-300s"))
        await stage.until_registered(slow)
        retried = [await start_retried(stage) for _ in range(4)]
        workers = set()
        for execution_id in retried:
            detail = await system.ended(execution_id, within_s=PATIENCE_S)
            assert detail["status"] == "success", detail
            (job,) = detail["jobs"]
            workers.add(job["worker_id"])
            ended, again = times(job)
            assert timedelta(seconds=DELAY_S) <= again - ended < timedelta(seconds=DELAY_S) + FAR
            await steps_tell_the_time_of_the_database(stage, job)
        killed_at = utcnow()
        fast.kill()
        detail = await system.ended(left, within_s=PATIENCE_S)
        (job,) = detail["jobs"]
        ended, again = times(job)
        assert (detail["status"], job["attempt"]) == ("success", 2)
        assert timedelta(seconds=LEASE_S / 2) < ended - killed_at < timedelta(seconds=LEASE_S) + FAR
        assert again - ended < FAR
