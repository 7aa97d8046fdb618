"""A step that prints 20,000 lines a second while 50 people watch."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from websockets.asyncio.client import connect

from tests.bench.figures import Figure
from tests.bench.whole import running
from tests.e2e.system import System

WATCHERS = 50
SECONDS = 5
A_SECOND = 20_000
LINES = SECONDS * A_SECOND
PRINT = (
    "import sys, time\n"
    "begin = time.monotonic()\n"
    f"for tenth in range({SECONDS * 10}):\n"
    "    time.sleep(max(0, begin + tenth / 10 - time.monotonic()))\n"
    f"    sys.stdout.write(''.join(f'line {{n:08d}}\\n' for n in range({A_SECOND // 10})))\n"
    "    sys.stdout.flush()\n"
)
SOURCE = "steps:\n  - run: sleep 2\n  - shell: python\n    run: |\n" + "".join(
    f"      {line}\n" for line in PRINT.splitlines()
)


async def watchers() -> AsyncIterator[Figure]:
    """How long the step takes with them and without; everybody gets every line in order."""
    async with running() as system:
        pipeline_id = await system.pipeline(SOURCE)
        alone = await _took(system, await system.trigger(pipeline_id))
        execution_id = await system.trigger(pipeline_id)
        job_id = (await system.until_running(execution_id))["jobs"][0]["id"]
        async with asyncio.timeout(120):
            watching = [asyncio.create_task(_watch(system, job_id)) for _ in range(WATCHERS)]
            watched = await _took(system, execution_id)
            seen = await asyncio.gather(*watching)
        assert set(seen) == {LINES}, seen
    yield Figure("20,000 lines/s: the step alone", alone, "s")
    yield Figure("20,000 lines/s: the step with 50 watchers", watched, "s")
    yield Figure("with watchers / alone", watched / alone, "", bar=1.1, at_least=False)


async def _took(system: System, execution_id: str) -> float:
    detail = await system.ended(execution_id, within_s=120)
    assert detail["status"] == "success", detail
    step = detail["jobs"][0]["steps"][1]
    assert step["lines"] == LINES, step
    return (_at(step["finished_at"]) - _at(step["started_at"])).total_seconds()


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def _watch(system: System, job_id: str) -> int:
    """Follow the second step to its last line; how many lines came, without a gap."""
    address = f"{system.url.replace('http', 'ws')}/ws/jobs/{job_id}/logs"
    headers = {"Authorization": f"Bearer {system.token}"}
    got = 0
    async with connect(
        address, additional_headers=headers, proxy=None, max_size=None, compression=None
    ) as socket:
        while got < LINES:
            frame: dict[str, Any] = json.loads(await socket.recv())
            if frame["type"] == "log.lines" and frame["data"]["index"] == 1:
                assert frame["data"]["first_line"] == got + 1
                got += frame["data"]["line_count"]
    return got
