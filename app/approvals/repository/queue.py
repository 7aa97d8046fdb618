"""Who waits: queued and waiting jobs, and executions that wait for their group."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, ScalarSelect, exists, func, or_, select, union_all

from app.approvals.models import ApprovalRequest, ApprovalState, ApprovalVote, Decision
from app.auth.principals import Principal
from app.core.pagination import PageParams
from app.core.repository import Repository
from app.engine.states import ExecutionStatus, JobStatus
from app.executions.models import Execution, GroupMember, Job
from app.projects.repository import permitted
from app.projects.rights import Action


class QueueRepository(Repository):
    """What the caller may see of what waits, oldest first."""

    async def page_of(
        self, principal: Principal, params: PageParams, *, project_id: uuid.UUID | None
    ) -> tuple[list[uuid.UUID], str | None]:
        """Ids of jobs, and of executions that wait as a whole."""
        allowed = [_may_see(principal)]
        if project_id is not None:
            allowed.append(Execution.project_id == project_id)
        jobs = (
            select(Job.id)
            .join(Execution, Execution.id == Job.execution_id)
            .where(Job.status.in_((JobStatus.QUEUED, JobStatus.WAITING)), *allowed)
        )
        whole = select(Execution.id).where(
            Execution.status == ExecutionStatus.WAITING,
            or_(_awaits_group(), Execution.needs_approval),
            *allowed,
        )
        waiting = union_all(jobs, whole).subquery()
        statement = select(waiting.c.id).order_by(waiting.c.id).limit(params.limit + 1)
        if params.after is not None:
            statement = statement.where(waiting.c.id > params.after)
        ids = list((await self.session.execute(statement)).scalars())
        items = ids[: params.limit]
        return items, str(items[-1]) if len(ids) > params.limit else None

    async def jobs(self, ids: Collection[uuid.UUID]) -> Sequence[tuple[Job, Execution]]:
        """Those of these ids that are jobs, with their executions."""
        statement = (
            select(Job, Execution)
            .join(Execution, Execution.id == Job.execution_id)
            .where(Job.id.in_(ids))
        )
        return [(row[0], row[1]) for row in await self.session.execute(statement)]

    async def executions(self, ids: Collection[uuid.UUID]) -> Sequence[Execution]:
        """Those of these ids that are executions."""
        statement = select(Execution).where(Execution.id.in_(ids))
        return list((await self.session.execute(statement)).scalars())

    async def approvals(
        self, job_ids: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, tuple[ApprovalRequest, int]]:
        """Open requests of these jobs with the number of approvals, by job."""
        statement = (
            select(ApprovalRequest, _given())
            .join(Job, Job.id == ApprovalRequest.job_id)
            .where(
                ApprovalRequest.job_id.in_(job_ids),
                ApprovalRequest.attempt == Job.attempt,
                ApprovalRequest.state == ApprovalState.OPEN,
            )
        )
        rows = await self.session.execute(statement)
        found = [(row[0], row[1]) for row in rows]
        return {one.job_id: (one, given) for one, given in found if one.job_id is not None}

    async def approvals_of_executions(
        self, ids: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, tuple[ApprovalRequest, int]]:
        """Open requests of these executions as a whole, with the number of approvals."""
        statement = (
            select(ApprovalRequest, _given())
            .join(Execution, Execution.id == ApprovalRequest.execution_id)
            .where(
                ApprovalRequest.execution_id.in_(ids),
                ApprovalRequest.job_id.is_(None),
                ApprovalRequest.attempt == Execution.attempt,
                ApprovalRequest.state == ApprovalState.OPEN,
            )
        )
        rows = await self.session.execute(statement)
        return {row[0].execution_id: (row[0], row[1]) for row in rows}


def _given() -> ScalarSelect[int]:
    return (
        select(func.count(ApprovalVote.user_id))
        .where(
            ApprovalVote.request_id == ApprovalRequest.id,
            ApprovalVote.decision == Decision.APPROVE,
        )
        .correlate(ApprovalRequest)
        .scalar_subquery()
    )


def _may_see(principal: Principal) -> ColumnElement[bool]:
    return permitted(
        Execution.project_id,
        principal,
        Action.EXECUTION_READ,
        pipeline_id=Execution.pipeline_id,
    )


def _awaits_group() -> ColumnElement[bool]:
    return exists().where(
        GroupMember.execution_id == Execution.id,
        GroupMember.job_id.is_(None),
        GroupMember.attempt == Execution.attempt,
        GroupMember.holds.is_(False),
    )
