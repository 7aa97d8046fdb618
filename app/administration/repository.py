"""Statements about worker processes; every user may see them: jobs name them as their worker."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, or_, select

from app.administration.errors import WorkerNotFound
from app.administration.models import Worker
from app.administration.sightings import SeenWorker
from app.core.clock import db_now
from app.core.pagination import PageParams
from app.core.repository import Repository
from app.engine.states import JobStatus
from app.executions.models import Job
from app.jobs.models import OutboxRow

LOST_AFTER_S = 60.0
"""A worker without a sign of life for this long is shown as lost; its leases ended long before."""


class WorkerRepository(Repository):
    """Worker processes."""

    async def list(
        self, params: PageParams, *, include_stopped: bool
    ) -> tuple[list[SeenWorker], str | None]:
        """Newest first; the jobs of all of them in the same query."""
        statement = _workers().order_by(Worker.id.desc()).limit(params.limit + 1)
        if params.after is not None:
            statement = statement.where(Worker.id < params.after)
        if not include_stopped:
            statement = statement.where(Worker.stopped_at.is_(None))
        rows = [SeenWorker(*row) for row in await self.session.execute(statement)]
        items = rows[: params.limit]
        more = len(rows) > params.limit
        return items, str(items[-1].worker.id) if more else None

    async def require(self, worker_id: uuid.UUID) -> SeenWorker:
        """One of them.

        Raises: WorkerNotFound.
        """
        statement = _workers().where(Worker.id == worker_id)
        row = (await self.session.execute(statement)).one_or_none()
        if row is None:
            raise WorkerNotFound
        return SeenWorker(*row)

    async def online(self) -> Sequence[Worker]:
        """The workers that gave a sign of life lately and have not stopped."""
        statement = select(Worker).where(
            Worker.stopped_at.is_(None), Worker.seen_at > db_now(-LOST_AFTER_S)
        )
        return (await self.session.scalars(statement)).all()

    async def delete_unseen(self, *, for_s: float, limit: int) -> int:
        """Delete workers whose end, or last sign of life, is longer ago; returns how many."""
        unseen = select(Worker.id).where(Worker.seen_at < db_now(-for_s)).limit(limit)
        ids = (await self.session.scalars(unseen)).all()
        if ids:
            await self.session.execute(delete(Worker).where(Worker.id.in_(ids)))
        return len(ids)


def _workers() -> Select[Any]:
    running = (
        select(func.count())
        .where(Job.worker_id == Worker.id, Job.status == JobStatus.RUNNING)
        .correlate(Worker)
        .scalar_subquery()
    )
    return select(Worker, Worker.seen_at > db_now(-LOST_AFTER_S), running)


class QueueRepository(Repository):
    """What jobs wait for."""

    async def waited_for(self) -> set[str]:
        """The queues that jobs are queued in."""
        statement = select(Job.queue).where(Job.status == JobStatus.QUEUED).distinct()
        return {queue for queue in await self.session.scalars(statement) if queue is not None}


class HealthRepository(Repository):
    """What health measures."""

    async def outbox_lag_s(self) -> float:
        """The age in seconds of the oldest message that is due and that nobody publishes."""
        free = or_(OutboxRow.taken_until.is_(None), OutboxRow.taken_until < db_now())
        oldest = select(func.min(OutboxRow.not_before)).where(
            OutboxRow.not_before <= db_now(), free
        )
        row = (await self.session.execute(select(db_now(), oldest.scalar_subquery()))).one()
        now, due = row[0], row[1]
        return 0.0 if due is None else max(0.0, (now - due).total_seconds())
