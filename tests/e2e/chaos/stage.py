"""A distributed AnsFlow on servers of its own, which tests may stop; jobs that keep a record."""

import asyncio
import tempfile
import textwrap
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
from sqlalchemy import func, select

from app.jobs.queues import queue_for
from app.models import Job, LogChunk, Step
from tests.e2e.system import Process, System
from tests.polling import until, until_true
from tests.services.private import MariaDB, RabbitMQ, Redis

LEASE_S = 6.0
"""Scaled down from 20 s. Far above what a busy machine may delay a renewal, every 0.5 s."""

PATIENCE_S = 120.0
"""For what takes a few seconds where nothing else runs."""

VARIABLES = {
    "ANSFLOW_WORKER__LEASE_S": str(LEASE_S),
    "ANSFLOW_WORKER__RENEW_S": "0.5",
    "ANSFLOW_WORKER__DRAIN_S": "1",
    "ANSFLOW_SCHEDULER__SWEEP_S": "0.5",
    "ANSFLOW_SCHEDULER__QUEUED_AFTER_S": "2",
}


@dataclass(frozen=True, slots=True)
class Servers:
    """Private servers."""

    database: MariaDB
    redis: Redis
    broker: RabbitMQ


@dataclass
class Stage:
    """A system whose processes come and go. `rooms` holds the records of jobs."""

    system: System
    servers: Servers
    other_server: System
    _workers: int = 0
    rooms: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ansflow-rooms-")))

    def __post_init__(self) -> None:
        self.rooms.chmod(0o755)

    def worker(self, *, concurrency: int = 4, **environment: str) -> Process:
        """One more worker process."""
        self._workers += 1
        arguments = ("worker", "--queues", "high", "--concurrency", str(concurrency))
        return self.system.spawn(f"worker-{self._workers}", *arguments, **environment)

    def worker_processes(self) -> list[Process]:
        """Those that live."""
        named = self.system.processes.items()
        return [
            process
            for name, process in named
            if name.startswith("worker") and process.process.poll() is None
        ]

    async def no_workers(self) -> None:
        """End all workers in good order."""
        await self._stop(self.worker_processes())

    async def _stop(self, processes: Sequence[Process]) -> None:
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))

    @asynccontextmanager
    async def schedulers(self, *environments: Mapping[str, str]) -> AsyncIterator[None]:
        """Have these schedulers instead of the usual ones, which differ in their environment."""
        usual = [self.system.processes[f"scheduler-{number}"] for number in (1, 2)]
        await self._stop(usual)
        others = [
            self.system.spawn(f"other-scheduler-{number}", "scheduler", **environment)
            for number, environment in enumerate(environments)
        ]
        try:
            yield
        finally:
            await self._stop(others)
            for process in usual:
                process.start()

    async def pids(self) -> dict[str, int]:
        """The process of every worker by its id, as AnsFlow tells it."""
        async with self.system.client() as client:
            answer = await client.get("/workers", params={"limit": 100})
            return {item["id"]: item["pid"] for item in answer.json()["items"]}

    async def until_registered(self, *processes: Process) -> None:
        """Wait until these workers are known to the server, so that they take jobs."""
        wanted = {process.process.pid for process in processes}

        async def are_known() -> bool:
            return wanted <= set((await self.pids()).values())

        await until_true(are_known, within_s=PATIENCE_S)

    def room(self) -> "Room":
        """A new record."""
        return Room.make(self.rooms)

    @property
    def queue(self) -> str:
        """The full name of the queue of these tests."""
        return self.system.settings.rabbitmq.prefix + queue_for("high")

    async def steps(self, job_id: str, attempt: int) -> list[Step]:
        """The steps of one attempt of a job, in order."""
        database = self.system.open_database()
        async with database.read() as session:
            rows = await session.scalars(
                select(Step)
                .where(Step.job_id == uuid.UUID(job_id), Step.attempt == attempt)
                .order_by(Step.index)
            )
            found = list(rows)
        await database.close()
        return found

    async def job(self, job_id: str) -> Job:
        """The row of a job."""
        database = self.system.open_database()
        async with database.read() as session:
            job = await session.get_one(Job, uuid.UUID(job_id))
        await database.close()
        return job

    async def chunks(self, steps: Sequence[Step]) -> int:
        """How many chunks are stored of these steps."""
        database = self.system.open_database()
        async with database.read() as session:
            wanted = LogChunk.step_id.in_([step.id for step in steps])
            count = await session.scalar(select(func.count()).select_from(LogChunk).where(wanted))
        await database.close()
        return count or 0


@dataclass(frozen=True, slots=True)
class Room:
    """A folder that jobs of any account may write to: what they did, in the order they did it."""

    folder: Path

    @classmethod
    def make(cls, parent: Path) -> "Room":
        room = cls(Path(tempfile.mkdtemp(dir=parent)))
        room.folder.chmod(0o755)
        for name in ("lock", "story"):
            (room.folder / name).touch()
            (room.folder / name).chmod(0o666)
        return room

    @property
    def story(self) -> list[str]:
        """The lines that jobs wrote."""
        return (self.folder / "story").read_text().split("\n")[:-1]

    async def until_told(self, line: str, *, times: int = 1, within_s: float = PATIENCE_S) -> None:
        """Wait until this line was written so often."""
        await until(lambda: self.story.count(line) >= times, within_s=within_s)

    async def until_lines(self, count: int) -> None:
        """Wait until so many lines were written."""
        await until(lambda: len(self.story) >= count, within_s=PATIENCE_S)

    def let_go(self) -> None:
        """Let jobs go on that wait for the file `go`."""
        (self.folder / "go").touch()


def numbers(first: int, last: int) -> str:
    """The text of `seq`."""
    return "".join(f"{number}\n" for number in range(first, last + 1))


def pipeline(*jobs: str, **env: str) -> str:
    """A pipeline of these jobs."""
    variables = "".join(f"  {name}: '{text}'\n" for name, text in env.items())
    body = "".join(textwrap.indent(textwrap.dedent(job).strip() + "\n", "  ") for job in jobs)
    return f"on: workflow_dispatch\nenv:\n{variables}jobs:\n{body}"


async def purge(broker_url: str, queue: str) -> int:
    """Empty a queue; the number of messages that were in it."""
    async with await aio_pika.connect(broker_url) as connection:
        channel = await connection.channel()
        answer: Any = await (await channel.get_queue(queue)).purge()
        return int(answer.message_count)


async def waiting(broker_url: str, queue: str) -> int:
    """How many messages wait in a queue; none where it is not made yet."""
    async with await aio_pika.connect(broker_url) as connection:
        channel = await connection.channel()
        try:
            found = await channel.declare_queue(queue, passive=True)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return 0
        return found.declaration_result.message_count or 0
