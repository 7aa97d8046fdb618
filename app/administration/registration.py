"""Worker processes write down that they are there. Leases never depend on it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, update

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


async def mark_seen(database: Database, worker_id: uuid.UUID) -> None:
    """The worker is still there.

    Raises: Unavailable when the database is away.
    """

    async def write(session: AsyncSession) -> None:
        await session.execute(update(Worker).where(Worker.id == worker_id).values(seen_at=db_now()))

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
