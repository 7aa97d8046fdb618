"""What jobs wait for: workers, those before them in a queue, holders of their groups."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Boolean, column, func, or_, select, table

from app.core.clock import db_now
from app.core.orm import Json, UtcDateTime
from app.core.repository import Repository
from app.engine.states import JobStatus
from app.executions.models import ConcurrencyGroup, Execution, GroupMember, Job

_SEEN_WITHIN_S = 60.0
# The model belongs to the administration, which stands above; here only labels are read.
_WORKERS = table(
    "workers",
    column("labels", Json()),
    column("seen_at", UtcDateTime()),
    column("stopped_at", UtcDateTime()),
    column("draining", Boolean()),
)


class Member(NamedTuple):
    """Who holds or waits for a group. `job_id` None: the execution as a whole."""

    group: str
    holds: bool
    execution_id: uuid.UUID
    number: int
    job_id: uuid.UUID | None
    key: str | None


class WaitingRepository(Repository):
    """Each question is one statement for any number of jobs."""

    async def now(self) -> datetime:
        """The database's time."""
        return (await self.session.execute(select(db_now()))).scalar_one()

    async def workers(self) -> list[frozenset[str]]:
        """The labels of each worker that takes jobs now."""
        statement = select(_WORKERS.c.labels).where(
            _WORKERS.c.stopped_at.is_(None),
            _WORKERS.c.draining.is_(False),
            _WORKERS.c.seen_at > db_now(-_SEEN_WITHIN_S),
        )
        return [frozenset(one) for one in (await self.session.execute(statement)).scalars()]

    async def before(self, job_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
        """How many jobs of its queue are before each of these queued ones."""
        place = func.row_number().over(
            partition_by=Job.queue, order_by=(Job.queued_at, Job.execution_id, Job.position)
        )
        ranked = (
            select(Job.id, (place - 1).label("before"))
            .where(Job.status == JobStatus.QUEUED)
            .subquery()
        )
        statement = select(ranked.c.id, ranked.c.before).where(ranked.c.id.in_(job_ids))
        return {row[0]: row[1] for row in await self.session.execute(statement)}

    async def groups(
        self, job_ids: Collection[uuid.UUID], execution_ids: Collection[uuid.UUID] = ()
    ) -> Sequence[Member]:
        """All members of the groups that these wait for, in the order in which they came."""
        mine = select(GroupMember.group_id).where(
            or_(
                GroupMember.job_id.in_(job_ids),
                GroupMember.job_id.is_(None) & GroupMember.execution_id.in_(execution_ids),
            )
        )
        statement = (
            select(
                ConcurrencyGroup.name,
                GroupMember.holds,
                GroupMember.execution_id,
                Execution.number,
                GroupMember.job_id,
                Job.key,
            )
            .join(ConcurrencyGroup, ConcurrencyGroup.id == GroupMember.group_id)
            .join(Execution, Execution.id == GroupMember.execution_id)
            .outerjoin(Job, Job.id == GroupMember.job_id)
            .where(GroupMember.group_id.in_(mine))
            .order_by(GroupMember.group_id, GroupMember.id)
        )
        return [Member(*row) for row in await self.session.execute(statement)]
