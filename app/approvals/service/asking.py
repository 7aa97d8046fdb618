"""A new request: its row, and word to those who may approve."""

from app.approvals.models import ApprovalRequest, ApprovalState
from app.approvals.repository.people import PeopleRepository
from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.rules import Rules, Starters
from app.core.clock import new_id
from app.core.db import AsyncSession
from app.events import UserNotified
from app.executions.interpreter import Locked
from app.executions.models import Job
from app.inbox.service import notify
from app.jobs.catalog import NotifyApproval, NotifyHeld
from app.jobs.outbox import enqueue

_MEMBERS_AT_MOST = 1000
_TOLD_AT_MOST = 100


async def ask(session: AsyncSession, locked: Locked, job: Job, rules: Rules) -> ApprovalRequest:
    """Ask for approval of an attempt; the caller holds the lock of its execution."""
    assert job.environment is not None, "only jobs with an environment ask"
    request = await _add(session, locked, rules, job=job)
    if rules.required:
        title = f"{_title(locked)}: {job.name[:100]} wants to deploy to {job.environment}"
        await _tell_approvers(session, locked, request, rules, title)
        await enqueue(session, NotifyApproval(job_id=job.id, attempt=job.attempt))
    return request


async def ask_for_execution(session: AsyncSession, locked: Locked, rules: Rules) -> ApprovalRequest:
    """Ask for approval of the present attempt of an execution, whose lock the caller holds."""
    execution = locked.execution
    request = await _add(session, locked, rules, job=None)
    title = f"{_title(locked)} wants to run a pull request from a fork, by {execution.actor}"
    await _tell_approvers(session, locked, request, rules, title)
    await enqueue(session, NotifyHeld(execution_id=execution.id, attempt=execution.attempt))
    return request


async def _add(
    session: AsyncSession, locked: Locked, rules: Rules, *, job: Job | None
) -> ApprovalRequest:
    now, execution = locked.now, locked.execution
    starters = [one for one in (execution.triggered_by, execution.rerun_by) if one is not None]
    started_by = await PeopleRepository(session).behind(starters)
    request = ApprovalRequest(
        id=new_id(),
        project_id=execution.project_id,
        execution_id=execution.id,
        job_id=None if job is None else job.id,
        attempt=execution.attempt if job is None else job.attempt,
        environment=None if job is None else job.environment,
        environment_id=rules.environment_id,
        started_by=sorted(str(one) for one in started_by),
        required=rules.required,
        wait_until=rules.wait_until(now),
        expires_at=rules.expires_at(now),
        look_after=now,
        state=ApprovalState.OPEN,
        created_at=now,
    )
    await ApprovalRepository(session).add(request)
    return request


def _title(locked: Locked) -> str:
    return f"{locked.execution.title[:200]} #{locked.execution.number}"


async def _tell_approvers(
    session: AsyncSession, locked: Locked, request: ApprovalRequest, rules: Rules, title: str
) -> None:
    execution = locked.execution
    starters = Starters.of(request, execution)
    people = PeopleRepository(session)
    members = await people.members(request.project_id, limit=_MEMBERS_AT_MOST)
    approvers = [person for person in members if rules.may_approve(person, starters)]
    events = [
        UserNotified(
            user_id=person.id,
            kind="approval.wanted",
            title=title,
            link=f"/executions/{execution.id}",
            execution_id=execution.id,
        )
        for person in approvers[:_TOLD_AT_MOST]
    ]
    await notify(session, *events)
