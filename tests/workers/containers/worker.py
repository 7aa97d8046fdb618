"""A worker for the tests of what is left: runs one endless job in a container.

Arguments: the work folder, the guard's folder, the image, the id of the job.
"""

import asyncio
import sys
from pathlib import Path

from app.core.clock import new_id
from tests.workers.runner.memory import Bench
from workers.executors.host import HostExecutor
from workers.guard import Guard

TEXT = """
jobs:
  {job}:
    runs-on: host
    container: {image}
    services: {{other: {{image: '{image}', command: sleep 911}}}}
    steps: [{{run: "echo ready; sleep 912"}}]
"""


async def main() -> None:
    work, folder, image, job = sys.argv[1:]
    executor = HostExecutor(Path(work))
    hold = executor.accounts.locks if executor.accounts else ()
    guard = Guard(Path(folder), new_id(), hold=hold)
    guard.start()
    executor.guard = guard
    beating = asyncio.create_task(guard.beat())
    bench = Bench(executor)
    running = bench.start(TEXT.format(job=job, image=image))
    await bench.store.until("ready")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await running
    beating.cancel()


asyncio.run(main())
