"""The gate of protected environments: the first that an attempt has to pass, before its group.

A job gets here by the message that the interpreter writes when its turn comes, whatever started
the execution. Each look is one transaction under the lock of the execution, and may be repeated:
after a vote, when the wait timer ends, and by the sweep.
"""

from datetime import timedelta

from app.approvals.models import ApprovalRequest, ApprovalState, Decision
from app.approvals.repository.people import PeopleRepository
from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.asking import ask
from app.approvals.service.rules import EXPIRES_AFTER, LOOK_AGAIN_AFTER, Rules, Starters
from app.approvals.service.wording import expired, held, refused
from app.core.db import AsyncSession, Database
from app.credentials.repository.environments import EnvironmentRepository
from app.engine.machine.types import GateHeld, GateRefused
from app.engine.states import JobStatus
from app.executions.interpreter import Locked, apply
from app.executions.locking import lock
from app.executions.models import Job
from app.executions.repository.claims import ClaimRepository
from app.executions.service import gates
from app.jobs.catalog import PassGate
from app.jobs.outbox import enqueue


async def pass_gate(
    database: Database,
    message: PassGate,
    *,
    max_worker_lost: int,
    expires_after: timedelta = EXPIRES_AFTER,
) -> None:
    """Let a waiting attempt through to its concurrency group and its queue, if its environment
    allows that; else see to it that people are asked.

    Parameters: after `expires_after` nobody waits for votes any more, unless the environment says
    otherwise.
    """

    async def look(session: AsyncSession) -> bool:
        execution_id = await ClaimRepository(session).execution_of(message.job_id)
        if execution_id is None:
            return False
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        job = None if locked is None else waiting_job(locked, message)
        if locked is None or job is None:
            await _close(session, message)
            return False
        return await look_at(session, locked, job, expires_after=expires_after)

    if await database.transact(look):
        await gates.pass_gate(database, message, max_worker_lost=max_worker_lost)


def waiting_job(locked: Locked, attempt: PassGate | ApprovalRequest) -> Job | None:
    """The job, if this very attempt of it waits at its gate."""
    job = next((job for job in locked.jobs if job.id == attempt.job_id), None)
    if job is None or job.attempt != attempt.attempt or job.status != JobStatus.WAITING:
        return None
    return job if job.options.get("hold") == "gate" else None


async def look_at(
    session: AsyncSession, locked: Locked, job: Job, *, expires_after: timedelta
) -> bool:
    """Decide about an attempt that waits at its gate; True when its environment lets it through.

    The caller holds the lock of the execution, and applies nothing else to it.
    """
    if job.environment is None:
        return True
    requests = ApprovalRepository(session)
    request = await requests.of_attempt(job.id, job.attempt)
    if request is not None and request.state is ApprovalState.APPROVED:
        return True
    project_id = locked.execution.project_id
    environment = await EnvironmentRepository(session).get_by_name(project_id, job.environment)
    rules = Rules.of(environment, expires_after)
    refusal = rules.refusal(locked.execution.ref)
    if refusal is not None:
        reason = refused(job.environment, refusal)
        await refuse(session, locked, job, request, ApprovalState.REJECTED, reason)
        return False
    if request is None:
        if not rules.have_it_wait:
            return True
        request = await ask(session, locked, job, rules)
    return await _judge(session, locked, job, request, rules)


async def refuse(
    session: AsyncSession,
    locked: Locked,
    job: Job,
    request: ApprovalRequest | None,
    state: ApprovalState,
    reason: str,
) -> None:
    """End a waiting attempt as failed, and its request with it."""
    if request is not None:
        _decide(request, state, locked, reason)
    await apply(session, locked, GateRefused(key=job.key, attempt=job.attempt, reason=reason))


async def _judge(
    session: AsyncSession, locked: Locked, job: Job, request: ApprovalRequest, rules: Rules
) -> bool:
    given = await _approvals(session, locked, request, rules)
    wait_until, now = rules.wait_until(request.created_at), locked.now
    request.required, request.environment_id = rules.required, rules.environment_id
    request.wait_until, request.expires_at = wait_until, rules.expires_at(request.created_at)
    if given >= rules.required and (wait_until is None or wait_until <= now):
        _decide(request, ApprovalState.APPROVED, locked, None)
        return True
    if request.expires_at <= now:
        reason = expired(request, given)
        await refuse(session, locked, job, request, ApprovalState.EXPIRED, reason)
        return False
    later = [request.expires_at, now + LOOK_AGAIN_AFTER]
    if wait_until is not None and wait_until > now:
        later.append(wait_until)
        if wait_until < now + LOOK_AGAIN_AFTER:
            await enqueue(session, PassGate(job.id, job.attempt), not_before=wait_until)
    request.look_after = min(later)
    reason = held(request, given, now=now)
    await apply(session, locked, GateHeld(key=job.key, attempt=job.attempt, reason=reason))
    return False


async def _approvals(
    session: AsyncSession, locked: Locked, request: ApprovalRequest, rules: Rules
) -> int:
    """The approvals that count: of people who may still approve."""
    votes = await ApprovalRepository(session).votes([request.id])
    voters = [vote.user_id for vote in votes if vote.decision is Decision.APPROVE]
    people = await PeopleRepository(session).among(request.project_id, voters)
    starters = Starters.of(request, locked.execution)
    return sum(rules.may_approve(person, starters) for person in people.values())


def _decide(
    request: ApprovalRequest, state: ApprovalState, locked: Locked, reason: str | None
) -> None:
    request.state, request.decided_at, request.look_after = state, locked.now, None
    request.reason = reason and reason[:2000]


async def _close(session: AsyncSession, message: PassGate) -> None:
    request = await ApprovalRepository(session).of_attempt(message.job_id, message.attempt)
    if request is not None and request.state is ApprovalState.OPEN:
        request.state, request.look_after = ApprovalState.CLOSED, None
        request.reason = "the job ended, or was tried again, before anybody decided"
