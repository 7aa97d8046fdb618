"""One person's vote, counted under the lock of the execution."""

import uuid

from app.approvals.errors import AlreadyVoted, ApprovalClosed, ApprovalNotFound, PeopleOnly
from app.approvals.models import ApprovalRequest, ApprovalState, ApprovalVote, Decision
from app.approvals.repository.people import PeopleRepository
from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.gate import look_at, refuse, waiting_job
from app.approvals.service.rules import Rules, Starters
from app.approvals.service.wording import rejected
from app.audit.recording import record_change
from app.auth.principals import Principal
from app.core.db import AsyncSession, Database
from app.credentials.repository.environments import EnvironmentRepository
from app.executions.interpreter import Locked
from app.executions.locking import lock
from app.executions.models import Job
from app.jobs.catalog import PassGate
from app.jobs.outbox import enqueue


async def vote(
    database: Database,
    *,
    request_id: uuid.UUID,
    principal: Principal,
    decision: Decision,
    comment: str,
    max_worker_lost: int,
) -> None:
    """Approve or reject; the last approval that is needed lets the job through, one rejection
    ends it as failed.

    Raises: ApprovalNotFound, ApprovalClosed, AlreadyVoted, NotAnApprover, SelfApproval,
    PeopleOnly, Unavailable.
    """
    if principal.project_id is not None:
        raise PeopleOnly("log in, or use an API token of your own")

    async def write(session: AsyncSession) -> None:
        requests = ApprovalRepository(session)
        request = await requests.get(request_id)
        if request is None:
            raise ApprovalNotFound
        locked = await lock(session, request.execution_id, max_worker_lost=max_worker_lost)
        # What was read before the lock may have changed while waiting for it.
        request = await requests.get(request_id)
        if locked is None or request is None:
            raise ApprovalNotFound
        job = _open_job(locked, request)
        await _require_approver(session, locked, request, principal)
        await _add_vote(session, locked, request, principal, decision, comment)
        if decision is Decision.REJECT:
            reason = rejected(request, by=principal.name, comment=comment)
            await refuse(session, locked, job, request, ApprovalState.REJECTED, reason)
        elif await look_at(session, locked, job):
            await enqueue(session, PassGate(job_id=job.id, attempt=job.attempt))

    await database.transact(write)


def _open_job(locked: Locked, request: ApprovalRequest) -> Job:
    job = waiting_job(locked, request)
    if request.state is not ApprovalState.OPEN:
        raise ApprovalClosed(request.reason or f"it is {request.state.value} already")
    if job is None:
        raise ApprovalClosed("this attempt of the job has ended, or was replaced by another one")
    if request.expires_at <= locked.now:
        raise ApprovalClosed("it has expired")
    return job


async def _require_approver(
    session: AsyncSession, locked: Locked, request: ApprovalRequest, principal: Principal
) -> None:
    environments = EnvironmentRepository(session)
    environment = await environments.get_by_name(request.project_id, request.environment)
    people = await PeopleRepository(session).among(request.project_id, [principal.id])
    starters = Starters.of(request, locked.execution)
    Rules.of(environment).require_approver(people.get(principal.id), starters)


async def _add_vote(
    session: AsyncSession,
    locked: Locked,
    request: ApprovalRequest,
    principal: Principal,
    decision: Decision,
    comment: str,
) -> None:
    requests = ApprovalRepository(session)
    if any(vote.user_id == principal.id for vote in await requests.votes([request.id])):
        raise AlreadyVoted("a vote cannot be changed")
    vote = ApprovalVote(
        request_id=request.id,
        user_id=principal.id,
        name=principal.name[:100],
        decision=decision,
        comment=comment,
        created_at=locked.now,
    )
    await requests.add(vote)
    await record_change(
        session,
        principal,
        f"approval.{decision.value}",
        kind="approval",
        target_id=request.id,
        name=f"#{locked.execution.number} {request.environment}",
        project_id=request.project_id,
        after={"comment": comment, "attempt": request.attempt, "job": request.job_id},
    )
