"""Jobs through a whole distributed system, beside what the same machine can do at best."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.dramatiq_chain import bare_chain
from tests.bench.figures import Figure, best_of
from tests.bench.whole import running
from tests.e2e.system import ENDED, System

TEN_STEPS = "steps:\n" + "  - run: 'true'\n" * 10
CHAIN = "on: workflow_dispatch\njobs:\n" + "".join(
    f"  j{number}:\n    runs-on: ubuntu-latest\n"
    + (f"    needs: j{number - 1}\n" if number else "")
    + "    steps: [{run: 'true'}]\n"
    for number in range(10)
)


def _command(script: Path) -> list[str]:
    # The command that the runner gives for `run: true`, account and all.
    command = ["bash", "-e", str(script)]
    if os.geteuid() == 0:
        account = ["setpriv", "--reuid", "64990", "--regid", "64990"]
        return [*account, "--clear-groups", "--no-new-privs", "--", *command]
    return command


async def _one(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    assert await process.wait() == 0


async def steps() -> AsyncIterator[Figure]:
    """Ten `true` steps: trigger to finished, against ten processes one after another."""
    with tempfile.TemporaryDirectory() as folder:
        script = _script(Path(folder))

        async def plain() -> None:
            for _ in range(10):
                await _one(_command(script))

        async with running() as system:
            times = []
            async with _watching(system, await system.pipeline(TEN_STEPS)) as watcher:
                for number in range(12):
                    bare = await best_of(1, plain)
                    took = await watcher.timed()
                    if number >= 2:
                        times.append((took, bare))
    took, bare = (sorted(column)[len(times) // 2] for column in zip(*times, strict=True))
    note = f"{took * 1000:.0f} ms / {bare * 1000:.0f} ms"
    yield Figure("ten steps / ten bare processes", took / bare, "ratio", 5, False, note)


async def chain() -> AsyncIterator[Figure]:
    """Ten jobs one after another, against a bare Dramatiq chain."""
    async with running() as system:
        times, bares = [], []
        command = _command(_script(system.folder))
        async with _watching(system, await system.pipeline(CHAIN)) as watcher:
            for number in range(14):
                took = await watcher.timed()
                bare = await bare_chain(system.settings.database_url, command, links=10)
                if number >= 2:
                    times.append(took)
                    bares.append(bare)
    took, bare = sorted(times)[len(times) // 2], sorted(bares)[len(bares) // 2]
    note = f"{took * 1000:.0f} ms / {bare * 1000:.0f} ms"
    yield Figure("chain of ten jobs / bare Dramatiq chain", took / bare, "ratio", 2.5, False, note)


async def bulk() -> AsyncIterator[Figure]:
    """50 ten-step executions that wait for a worker, against bare processes."""
    with tempfile.TemporaryDirectory() as folder:
        script = _script(Path(folder))

        async def plain() -> None:
            slots = asyncio.Semaphore(4)

            async def sequence() -> None:
                async with slots:
                    for _ in range(10):
                        await _one(_command(script))

            await asyncio.gather(*[sequence() for _ in range(20)])

        bare = 200 / await best_of(3, plain)
    async with running() as system:
        pipeline_id = await system.pipeline(TEN_STEPS)
        await system.run("steps: [{run: 'true'}]")
        system.processes["worker"].stop()
        executions = [await system.trigger(pipeline_id) for _ in range(50)]
        # One process, as the bar says: those of the other queues would start beside the first jobs.
        system.spawn("worker", "worker", "--queues", "high", "--concurrency", "8")
        # The last one first, and seldom: asking takes the cores from those who work.
        details = [await _rarely_asked(system, one) for one in reversed(executions)]
    assert {detail["status"] for detail in details} == {"success"}
    jobs = [detail["jobs"][0] for detail in details]
    first = min(_at(job["started_at"]) for job in jobs)
    last = max(_at(job["finished_at"]) for job in jobs)
    rate = 500 / (last - first).total_seconds()
    note = f"{rate:.0f} / {bare:.0f} a second"
    yield Figure("steps a second / bare processes a second", rate / bare, "ratio", 0.3, True, note)


async def _rarely_asked(system: System, execution_id: str) -> dict[str, Any]:
    async with asyncio.timeout(120):
        while True:
            detail = await system.detail(execution_id)
            if detail["status"] in ENDED:
                return detail
            await asyncio.sleep(0.25)


class Watcher:
    """A client that is connected before the clock starts, as the references are, and watches."""

    def __init__(self, client: httpx.AsyncClient, socket: ClientConnection, pipeline: str) -> None:
        self._client, self._socket, self._pipeline = client, socket, pipeline

    async def timed(self) -> float:
        """Trigger to the news of the end, in seconds.

        Asking all the time would measure how well the server shares its cores with who asks.
        """
        started = time.perf_counter()
        answer = await self._client.post(f"/pipelines/{self._pipeline}/executions", json={})
        status = await self._end(answer.json()["id"])
        took = time.perf_counter() - started
        assert status == "success", answer.json()
        return took

    async def _end(self, execution_id: str) -> str:
        async for text in self._socket:
            frame = json.loads(text)
            data: dict[str, Any] = frame.get("data") or {}
            is_its = frame["type"].startswith("execution.") and data["execution_id"] == execution_id
            if is_its and data["status"] in ENDED:
                return str(data["status"])
        raise AssertionError("the socket was closed before the end")


@asynccontextmanager
async def _watching(system: System, pipeline: str) -> AsyncIterator[Watcher]:
    url = f"ws://127.0.0.1:{system.port}/ws/pipelines/{pipeline}"
    headers = {"Authorization": f"Bearer {system.token}"}
    async with (
        system.client() as client,
        connect(url, additional_headers=headers) as socket,
    ):
        await client.get(f"/pipelines/{pipeline}")
        yield Watcher(client, socket, pipeline)


def _script(folder: Path) -> Path:
    folder.chmod(0o755)
    script = folder / "true.sh"
    script.write_text("true\n")
    script.chmod(0o644)
    return script


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
