"""One person's vote, counted under the lock of the execution."""

import uuid
from datetime import timedelta

from app.approvals.errors import AlreadyVoted, ApprovalClosed, ApprovalNotFound, PeopleOnly
from app.approvals.models import ApprovalRequest, ApprovalState, ApprovalVote, Decision
from app.approvals.repository.people import PeopleRepository
from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.forks import is_held, judge, refuse_execution
from app.approvals.service.gate import look_at, refuse, waiting_job
from app.approvals.service.rules import Rules, Starters
from app.approvals.service.wording import fork_rejected, rejected
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
    expires_after: timedelta,
) -> None:
    """Approve or reject; the last approval that is needed lets the job, or the whole execution,
    through; one rejection ends the job as failed, or cancels the execution.

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
        rules = await _rules(session, request, expires_after)
        await _require_approver(session, locked, request, principal, rules)
        await _add_vote(session, locked, request, principal, decision, comment)
        if decision is Decision.REJECT:
            await _reject(session, locked, job, request, by=principal.name, comment=comment)
        elif job is None:
            await judge(session, locked, request, rules)
        elif await look_at(session, locked, job, expires_after=expires_after):
            await enqueue(session, PassGate(job_id=job.id, attempt=job.attempt))

    await database.transact(write)


async def _reject(
    session: AsyncSession,
    locked: Locked,
    job: Job | None,
    request: ApprovalRequest,
    *,
    by: str,
    comment: str,
) -> None:
    if job is None:
        reason = fork_rejected(by=by, comment=comment)
        await refuse_execution(session, locked, request, ApprovalState.REJECTED, reason)
    else:
        reason = rejected(request, by=by, comment=comment)
        await refuse(session, locked, job, request, ApprovalState.REJECTED, reason)


def _open_job(locked: Locked, request: ApprovalRequest) -> Job | None:
    """The job that waits; None when its execution does."""
    job = None if request.job_id is None else waiting_job(locked, request)
    if request.state is not ApprovalState.OPEN:
        raise ApprovalClosed(request.reason or f"it is {request.state.value} already")
    if job is None and (request.job_id is not None or not is_held(locked, request.attempt)):
        raise ApprovalClosed("this attempt has ended, or was replaced by another one")
    if request.expires_at <= locked.now:
        raise ApprovalClosed("it has expired")
    return job


async def _rules(
    session: AsyncSession, request: ApprovalRequest, expires_after: timedelta
) -> Rules:
    if request.environment is None:
        return Rules.of_forks(expires_after)
    environments = EnvironmentRepository(session)
    environment = await environments.get_by_name(request.project_id, request.environment)
    return Rules.of(environment, expires_after)


async def _require_approver(
    session: AsyncSession,
    locked: Locked,
    request: ApprovalRequest,
    principal: Principal,
    rules: Rules,
) -> None:
    people = await PeopleRepository(session).among(request.project_id, [principal.id])
    starters = Starters.of(request, locked.execution)
    rules.require_approver(people.get(principal.id), starters)


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
        name=f"#{locked.execution.number} {request.environment or 'pull request from a fork'}",
        project_id=request.project_id,
        after={
            "comment": comment,
            "attempt": request.attempt,
            "job": request.job_id,
            "sha": locked.execution.sha,
        },
    )
