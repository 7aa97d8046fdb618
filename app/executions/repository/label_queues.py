"""Which queues for labels jobs wait in; a worker consumes those that its own labels cover."""

from collections.abc import Iterable

from sqlalchemy import func, select

from app.core.db import Database
from app.executions.models import Job


async def label_queues(database: Database, *, labels: Iterable[str]) -> set[str]:
    """Queues of queued jobs that want labels, all of which are in `labels`.

    Raises: Unavailable when the database is away.
    """
    statement = (
        select(Job.queue, func.min(Job.labels, type_=Job.labels.type))
        .where(Job.status == "queued", Job.queue.contains("."))
        .group_by(Job.queue)
    )
    have = {label.lower() for label in labels}
    async with database.read() as session:
        rows = (await session.execute(statement)).all()
    return {queue for queue, wanted in rows if queue is not None and have.issuperset(wanted)}
