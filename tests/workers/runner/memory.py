"""A reporter and a log store in memory, and a way to run a file's job with them."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core import log_chunks
from app.core.clock import new_id
from app.core.log_chunks import Line
from app.engine.document import require
from workers.executors.base import Executor
from workers.runner.job import run_job
from workers.runner.ports import (
    Assignment,
    CancelSignal,
    Chunk,
    JobResult,
    Replaced,
    StepUpdate,
    Unavailable,
)
from workers.runner.settings import RunnerSettings

NAP = f"600.{os.getpid()}"
"""What `sleep NAP` in a script sleeps: tells the processes of these tests from those of others."""


@dataclass
class MemoryStore:
    """What the database would hold. `away` makes every call fail, `replaced` fences all out."""

    updates: list[StepUpdate] = field(default_factory=list)
    chunks: dict[tuple[int, int], list[Chunk]] = field(default_factory=lambda: defaultdict(list))
    result: JobResult | None = None
    away: bool = False
    replaced: bool = False
    batches: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def steps_changed(self, updates: Sequence[StepUpdate]) -> None:
        await self._check()
        self.updates += updates
        self.batches += 1
        self._wake()

    async def finish(self, result: JobResult, updates: Sequence[StepUpdate] = ()) -> None:
        await self._check()
        self.updates += updates
        self.result = result

    async def write(self, chunks: Sequence[Chunk]) -> None:
        await self._check()
        for chunk in chunks:
            before = self.chunks[chunk.step_index, chunk.step_attempt]
            assert chunk.number == len(before) + 1
            before.append(chunk)
        self._wake()

    async def _check(self) -> None:
        await asyncio.sleep(0)
        if self.replaced:
            raise Replaced
        if self.away:
            raise Unavailable

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, text: str, step: int = 0) -> None:
        """Wait until the log of a step has this text."""
        async with asyncio.timeout(30):
            while text not in self.text(step):
                await self.changed.wait()

    async def until_chunks(self, count: int) -> None:
        """Wait until the first attempt of the first step has so many chunks."""
        async with asyncio.timeout(30):
            while len(self.chunks[0, 1]) < count:
                await self.changed.wait()

    def step(self, index: int, attempt: int | None = None) -> StepUpdate:
        """The last state of a step."""
        found = [each for each in self.updates if each.index == index]
        return [each for each in found if attempt in (None, each.attempt)][-1]

    def lines(self, index: int, attempt: int = 1) -> list[Line]:
        return [
            line
            for chunk in self.chunks[index, attempt]
            for line in log_chunks.lines_of(chunk.data, chunk.times, chunk.first_line)
        ]

    def text(self, index: int, attempt: int = 1) -> str:
        """The log of a step exactly as it is served."""
        return self.raw(index, attempt).decode()

    def raw(self, index: int, attempt: int = 1) -> bytes:
        chunks = self.chunks[index, attempt]
        return b"".join(log_chunks.served_text(chunk.data, chunk.times) for chunk in chunks)

    def statuses(self) -> list[str]:
        """The last status of every step, in order."""
        last = {each.index: each.status.value for each in self.updates}
        return [last[index] for index in sorted(last)]


def assignment_of(text: str, job: str | None = None, **changes: Any) -> Assignment:
    """An assignment for a job of a pipeline file; the only one when it is not named."""
    definition = require(text.replace("sleep NAP", f"sleep {NAP}"))
    found = definition.jobs[job or next(iter(definition.jobs))]
    fields: dict[str, Any] = {
        "execution_id": new_id(),
        "job_id": new_id(),
        "attempt": 1,
        "token": b"t" * 16,
        "key": found.id,
        "name": found.name or found.id,
        "number": 1,
        "definition": definition,
        "job": found,
        "contexts": {"github": {"event_name": "push", "event": {"ref": "refs/heads/main"}}},
    }
    return Assignment(**fields | changes)


@dataclass
class Bench:
    """Runs jobs with one executor."""

    executor: Executor
    store: MemoryStore = field(default_factory=MemoryStore)
    cancel: CancelSignal = field(default_factory=CancelSignal)
    settings: RunnerSettings = field(default_factory=lambda: RunnerSettings(grace_s=0.5))

    async def run(self, text: str, job: str | None = None, **changes: Any) -> JobResult:
        """Run one job of a file to its end."""
        return await self.start(text, job, **changes)

    def start(self, text: str, job: str | None = None, **changes: Any) -> "asyncio.Task[JobResult]":
        """The same in the background."""
        work = run_job(
            assignment_of(text, job, **changes),
            reporter=self.store,
            logs=self.store,
            executor=self.executor,
            cancel=self.cancel,
            settings=self.settings,
        )
        return asyncio.get_running_loop().create_task(work)


def steps(*scripts: str, **keys: Mapping[str, Any]) -> str:
    """A file with one job of these scripts."""
    items = "".join(f"      - run: |\n{_indented(script)}" for script in scripts)
    return f"on: push\njobs:\n  job:\n    runs-on: host\n    steps:\n{items}"


def _indented(script: str) -> str:
    return "".join(f"          {line}\n" for line in script.splitlines())
