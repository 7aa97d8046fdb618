"""A worker for the tests of the guard: runs one endless job, then does as it is told.

Arguments: the work folder, the guard's folder, the beat time-out in seconds, `hang` to block the
event loop once the job runs.
"""

import asyncio
import sys
import time
from pathlib import Path

from app.core.clock import new_id
from tests.workers.runner.memory import Bench
from workers.executors.host import HostExecutor
from workers.guard import Guard

SCRIPT = """
on: push
steps:
  - run: |
      setsid sleep %s &
      nohup sleep %s > /dev/null 2>&1 &
      (env -i /bin/sleep %s &)
      echo ready
      sleep %s
  - run: echo never
"""


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    work, folder, beat_timeout_s, nap, *how = sys.argv[1:]
    executor = HostExecutor(Path(work))
    hold = executor.accounts.locks if executor.accounts else ()
    guard = Guard(Path(folder), new_id(), beat_timeout_s=float(beat_timeout_s), hold=hold)
    guard.start()
    executor.guard = guard
    beating = asyncio.create_task(guard.beat())
    bench = Bench(executor)
    job = bench.start(SCRIPT.replace("%s", nap))
    await bench.store.until("ready")
    say("ready")
    if "hang" in how:
        time.sleep(float(beat_timeout_s) * 3)  # noqa: ASYNC251  a worker that hangs
    result = await job
    say("lost" if result.lost else result.status)
    beating.cancel()
    guard.close()


asyncio.run(main())
