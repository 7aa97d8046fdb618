"""Executions that wait as a whole until a member approves them: pull requests from forks.

Whoever sends one decides what its commit does on a worker, so nothing of it runs before a person
has looked at that commit. The request belongs to the execution, and with it to one commit: a new
push is another execution and asks again. Once approved, its re-runs do not ask again; rejected,
expired or cancelled, they do.
"""

from datetime import timedelta

from app.approvals.models import ApprovalRequest, ApprovalState, Decision
from app.approvals.repository.people import PeopleRepository
from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.asking import ask_for_execution
from app.approvals.service.rules import EXPIRES_AFTER, LOOK_AGAIN_AFTER, Rules, Starters
from app.approvals.service.wording import fork_expired
from app.core.db import AsyncSession, Database
from app.engine.machine.types import CancelRequested
from app.engine.states import TERMINAL_EXECUTION
from app.executions.interpreter import Locked, apply
from app.executions.locking import lock
from app.executions.service.entering import lock_group_of, start_approved
from app.jobs.catalog import PassExecution
from app.jobs.outbox import enqueue


async def pass_execution(
    database: Database,
    message: PassExecution,
    *,
    max_worker_lost: int,
    expires_after: timedelta = EXPIRES_AFTER,
) -> None:
    """Start an execution that was approved, or see to it that people are asked."""

    async def look(session: AsyncSession) -> None:
        group_id = await lock_group_of(session, message.execution_id)
        locked = await lock(session, message.execution_id, max_worker_lost=max_worker_lost)
        if locked is None or not is_held(locked, message.attempt):
            await _close(session, message)
            return
        rules = Rules.of_forks(expires_after)
        request = await _request(session, message) or await ask_for_execution(
            session, locked, rules
        )
        if request.state is ApprovalState.OPEN:
            await judge(session, locked, request, rules)
        if request.state is ApprovalState.APPROVED:
            request.look_after = None
            await start_approved(session, locked, group_id)

    await database.transact(look)


def is_held(locked: Locked, attempt: int) -> bool:
    """Whether this attempt of an execution still waits for approval."""
    execution = locked.execution
    is_over = execution.attempt != attempt or execution.status in TERMINAL_EXECUTION
    return execution.needs_approval and not is_over


async def judge(
    session: AsyncSession, locked: Locked, request: ApprovalRequest, rules: Rules
) -> None:
    """Decide about an open request, whose execution is locked; who approves it has it started by
    a message, because the group is locked before the execution."""
    votes = await ApprovalRepository(session).votes([request.id])
    voters = [vote.user_id for vote in votes if vote.decision is Decision.APPROVE]
    people = await PeopleRepository(session).among(request.project_id, voters)
    starters = Starters.of(request, locked.execution)
    given = sum(rules.may_approve(person, starters) for person in people.values())
    request.expires_at = rules.expires_at(request.created_at)
    if given >= rules.required:
        request.state, request.decided_at = ApprovalState.APPROVED, locked.now
        # Stays due until the execution has started: the message may be lost.
        request.look_after = locked.now
        await enqueue(session, PassExecution(request.execution_id, request.attempt))
    elif request.expires_at <= locked.now:
        await refuse_execution(session, locked, request, ApprovalState.EXPIRED, fork_expired())
    else:
        request.look_after = min(request.expires_at, locked.now + LOOK_AGAIN_AFTER)


async def refuse_execution(
    session: AsyncSession,
    locked: Locked,
    request: ApprovalRequest,
    state: ApprovalState,
    reason: str,
) -> None:
    """Cancel an execution that waits for approval; nothing of it runs."""
    request.state, request.decided_at, request.look_after = state, locked.now, None
    request.reason = reason[:2000]
    await apply(session, locked, CancelRequested(by=reason))


async def _request(session: AsyncSession, message: PassExecution) -> ApprovalRequest | None:
    requests = ApprovalRepository(session)
    return await requests.of_held_execution(message.execution_id, message.attempt)


async def _close(session: AsyncSession, message: PassExecution) -> None:
    request = await _request(session, message)
    if request is None or request.look_after is None:
        return
    request.look_after = None
    if request.state is ApprovalState.OPEN:
        request.state = ApprovalState.CLOSED
        request.reason = "the execution ended before anybody decided"
