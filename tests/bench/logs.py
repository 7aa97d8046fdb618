"""One step that prints a million lines of 100 bytes, to the database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import psutil

from tests.bench.figures import Figure
from tests.bench.whole import running

LINES = 1_000_000
PRINT = (
    "import sys\n"
    "block = b''.join(b'%098d\\n' % n for n in range(1000))\n"
    f"for _ in range({LINES // 1000}): sys.stdout.buffer.write(block)\n"
)
SOURCE = "steps:\n  - shell: python\n    run: |\n" + "".join(
    f"      {line}\n" for line in PRINT.splitlines()
)


async def log() -> AsyncIterator[Figure]:
    """Lines a second from the first to the last, and how much the worker grows."""
    async with running() as system:
        await system.run("steps: [{run: echo warm}]")
        worker = psutil.Process(system.processes["worker"].process.pid)
        before = _memory(worker)
        execution_id = await system.trigger(await system.pipeline(SOURCE))
        watching = asyncio.create_task(_highest(worker))
        detail = await system.ended(execution_id, within_s=120)
        watching.cancel()
        highest = max(_Peak.value, before)
        assert detail["status"] == "success", detail
        (step,) = detail["jobs"][0]["steps"]
        assert step["lines"] == LINES, step
        assert step["complete"], step
        elapsed = _seconds_between(step["started_at"], step["finished_at"])
        yield Figure("log: lines stored a second", LINES / elapsed, "lines/s", 300_000)
        yield Figure(
            "log: growth of the worker", (highest - before) / 1e6, "MB", 50, at_least=False
        )


class _Peak:
    value = 0


async def _highest(process: psutil.Process) -> None:
    _Peak.value = 0
    while True:
        _Peak.value = max(_Peak.value, _memory(process))
        await asyncio.sleep(0.02)


def _memory(process: psutil.Process) -> int:
    # Only the worker's own Python processes: what the step's process needs is its own affair.
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            if "ansflow" in " ".join(one.cmdline()):
                total += one.memory_info().rss
        except psutil.Error:
            continue
    return total


def _seconds_between(started: str, finished: str) -> float:
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
