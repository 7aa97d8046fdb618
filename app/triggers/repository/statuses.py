"""Statements about what forges were told of executions."""

import uuid
from dataclasses import dataclass

from sqlalchemy import exists, or_, select, update

from app.core.clock import db_now
from app.core.repository import Repository as Statements
from app.engine.states import JobStatus
from app.executions.models import Execution, Job
from app.triggers.models import CommitStatus, Repository


@dataclass(frozen=True, slots=True)
class Reported:
    """An execution, its repository and what the forge knows of it."""

    status: CommitStatus
    execution: Execution
    repository: Repository


class StatusRepository(Statements):
    """Commit statuses by execution."""

    async def find(self, execution_id: uuid.UUID) -> Reported | None:
        statement = (
            select(CommitStatus, Execution, Repository)
            .join(Execution, Execution.id == CommitStatus.execution_id)
            .join(Repository, Repository.id == CommitStatus.repository_id)
            .where(CommitStatus.execution_id == execution_id)
        )
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else Reported(*row)

    async def of_jobs(self, execution: Execution) -> tuple[str | None, bool]:
        """What the first waiting job waits for, None when none does; and whether there are jobs,
        all of which were skipped."""
        own = select(Job.id).where(Job.execution_id == execution.id)
        waiting = (
            select(Job.reason)
            .where(Job.execution_id == execution.id, Job.status == JobStatus.WAITING)
            .order_by(Job.id)
            .limit(1)
        )
        skipped = select(exists(own), ~exists(own.where(Job.status != JobStatus.SKIPPED)))
        has_jobs, has_skipped = (await self.session.execute(skipped)).one()
        return await self.session.scalar(waiting), bool(has_jobs and has_skipped)

    async def take(self, execution_id: uuid.UUID, *, for_s: float) -> bool:
        """Become the only one who may tell the forge about it; False when somebody else is."""
        taken = await self.session.execute(
            update(CommitStatus)
            .where(
                CommitStatus.execution_id == execution_id,
                or_(CommitStatus.taken_until.is_(None), CommitStatus.taken_until < db_now()),
            )
            .values(taken_until=db_now(for_s))
            .execution_options(synchronize_session=False)
        )
        return bool(taken.rowcount)  # type: ignore[attr-defined]  # an UPDATE has it

    async def release(self, execution_id: uuid.UUID, *, sent: str | None) -> None:
        """Let others tell; `sent` is what was told, None: nothing."""
        values = {"taken_until": None} | ({} if sent is None else {"sent": sent})
        await self.session.execute(
            update(CommitStatus)
            .where(CommitStatus.execution_id == execution_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
