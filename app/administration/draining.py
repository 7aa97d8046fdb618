"""Having workers take nothing new, before their machine is taken away."""

import uuid

from app.administration.errors import WorkerHasStopped
from app.administration.repository import WorkerRepository
from app.administration.sightings import SeenWorker
from app.audit.recording import record_change
from app.auth.principals import Principal
from app.core.db import AsyncSession


async def set_drain(
    session: AsyncSession, *, by: Principal, worker_id: uuid.UUID, drain: bool
) -> SeenWorker:
    """Have a worker take nothing new, or take work again; it hears at its next sign of life.

    Raises: WorkerNotFound, WorkerHasStopped.
    """
    seen = await WorkerRepository(session).require(worker_id)
    if seen.worker.stopped_at is not None:
        raise WorkerHasStopped("a worker that is started again is another one")
    before = {"drain_wanted": seen.worker.drain_wanted}
    seen.worker.drain_wanted = drain
    await record_change(
        session,
        by,
        "worker.drain" if drain else "worker.resume",
        kind="worker",
        target_id=worker_id,
        name=seen.worker.name,
        before=before,
        after={"drain_wanted": drain},
    )
    return seen
