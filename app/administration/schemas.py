"""What the API gives about worker processes."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from app.administration.sightings import SeenWorker
from app.core.schemas import Output, Page


class WorkerState(StrEnum):
    """What is known of a worker process."""

    ONLINE = "online"
    DRAINING = "draining"
    LOST = "lost"
    STOPPED = "stopped"


class ToolRead(Output):
    """What a worker found when it called a tool."""

    available: bool = Field(description="Whether it answered")
    version: str | None = Field(description="What it said")
    problem: str | None = Field(description="Why it is not available")


class WorkerRead(Output):
    """A worker process; a restart is another one."""

    id: uuid.UUID = Field(description="New per start")
    name: str = Field(description="Given at start")
    host: str = Field(description="The machine")
    pid: int = Field(description="Process id on that machine")
    version: str = Field(description="Version of AnsFlow")
    queues: list[str] = Field(description="The queues that it consumes")
    labels: list[str] = Field(description="What `runs-on` may name")
    concurrency: int = Field(description="Jobs at once")
    isolation: str = Field(description="How jobs are kept from the worker's account")
    state: WorkerState = Field(description="`draining`: takes nothing new; `lost`: no sign of life")
    running: int = Field(description="Jobs that it holds now")
    started_at: datetime = Field(description="Its start")
    seen_at: datetime = Field(description="Its last sign of life, in the database's time")
    stopped_at: datetime | None = Field(description="Its orderly end")
    drain_wanted: bool = Field(description="Whether it is to take nothing new")
    tools: dict[str, ToolRead] | None = Field(
        description="What it found of git, node, docker and ansible; null: not looked yet"
    )
    tools_at: datetime | None = Field(description="When it looked")

    @classmethod
    def of(cls, seen: SeenWorker) -> "WorkerRead":
        """A worker with what is known of it now."""
        worker = seen.worker
        state = WorkerState.LOST
        if seen.is_fresh:
            state = WorkerState.DRAINING if worker.draining else WorkerState.ONLINE
        return cls(
            id=worker.id,
            name=worker.name,
            host=worker.host,
            pid=worker.pid,
            version=worker.version,
            queues=worker.queues,
            labels=worker.labels,
            concurrency=worker.concurrency,
            isolation=worker.isolation,
            state=WorkerState.STOPPED if worker.stopped_at else state,
            running=seen.running,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            stopped_at=worker.stopped_at,
            drain_wanted=worker.drain_wanted,
            tools=worker.tools
            and {name: ToolRead.model_validate(found) for name, found in worker.tools.items()},
            tools_at=worker.tools_at,
        )

    @classmethod
    def page(cls, seen: Iterable[SeenWorker], next_: str | None) -> Page["WorkerRead"]:
        """A page of workers."""
        return Page(items=[cls.of(each) for each in seen], next=next_)
