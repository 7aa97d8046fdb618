"""Worker processes write down that they are there. Leases never depend on it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from app.administration.models import Worker
from app.core.clock import db_now
from app.core.db import AsyncSession, Database


@dataclass(frozen=True, slots=True)
class WorkerDescription:
    """What a worker process says of itself; `id` is new at each start."""

    id: uuid.UUID
    name: str
    host: str
    pid: int
    version: str
    queues: Sequence[str]
    labels: Sequence[str]
    concurrency: int
    isolation: str


async def register(database: Database, worker: WorkerDescription) -> None:
    """Insert the row of a worker process, or bring it up to date.

    Raises: Unavailable when the database is away.
    """
    values = {
        "name": worker.name[:255],
        "host": worker.host[:255],
        "pid": worker.pid,
        "version": worker.version,
        "queues": list(worker.queues),
        "labels": list(worker.labels),
        "concurrency": worker.concurrency,
        "isolation": worker.isolation[:50],
        "seen_at": db_now(),
        "stopped_at": None,
    }

    async def write(session: AsyncSession) -> None:
        known = await session.get(Worker, worker.id)
        if known is None:
            row = values | {"id": worker.id, "started_at": db_now()}
            await session.execute(insert(Worker).values(row))
        else:
            await session.execute(update(Worker).where(Worker.id == worker.id).values(values))

    await database.transact(write)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What administrators want of a worker: to take nothing new, to look at its tools."""

    drain: bool = False
    tools: bool = False


async def mark_seen(database: Database, worker_id: uuid.UUID, *, draining: bool) -> Wishes:
    """The worker is still there; `draining` says whether it takes nothing new.

    Raises: Unavailable when the database is away.
    """
    mine = Worker.id == worker_id

    async def write(session: AsyncSession) -> Wishes:
        await session.execute(
            update(Worker).where(mine).values(seen_at=db_now(), draining=draining)
        )
        wishes = select(Worker.drain_wanted, Worker.tools_wanted).where(mine)
        row = (await session.execute(wishes)).one_or_none()
        return Wishes() if row is None else Wishes(*row)

    return await database.transact(write)


async def store_tools(
    database: Database, worker_id: uuid.UUID, tools: Mapping[str, Mapping[str, Any]]
) -> None:
    """Which tools the worker has found.

    Raises: Unavailable when the database is away.
    """

    async def write(session: AsyncSession) -> None:
        values = {"tools": tools, "tools_at": db_now(), "tools_wanted": False}
        await session.execute(update(Worker).where(Worker.id == worker_id).values(values))

    await database.transact(write)


async def mark_stopped(database: Database, worker_id: uuid.UUID) -> None:
    """The worker has ended in good order.

    Raises: Unavailable when the database is away.
    """

    async def write(session: AsyncSession) -> None:
        await session.execute(
            update(Worker)
            .where(Worker.id == worker_id)
            .values(seen_at=db_now(), stopped_at=db_now())
        )

    await database.transact(write)
