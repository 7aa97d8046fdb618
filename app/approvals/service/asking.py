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
from app.jobs.catalog import NotifyApproval
from app.jobs.outbox import enqueue

_MEMBERS_AT_MOST = 1000
_TOLD_AT_MOST = 100


async def ask(session: AsyncSession, locked: Locked, job: Job, rules: Rules) -> ApprovalRequest:
    """Ask for approval of an attempt; the caller holds the lock of its execution."""
    assert job.environment is not None, "only jobs with an environment ask"
    now, execution = locked.now, locked.execution
    starters = [one for one in (execution.triggered_by, execution.rerun_by) if one is not None]
    started_by = await PeopleRepository(session).behind(starters)
    request = ApprovalRequest(
        id=new_id(),
        project_id=execution.project_id,
        execution_id=execution.id,
        job_id=job.id,
        attempt=job.attempt,
        environment=job.environment,
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
    if rules.required:
        await _tell_approvers(session, locked, job, request, rules)
    return request


async def _tell_approvers(
    session: AsyncSession, locked: Locked, job: Job, request: ApprovalRequest, rules: Rules
) -> None:
    execution = locked.execution
    starters = Starters.of(request, execution)
    people = PeopleRepository(session)
    members = await people.members(request.project_id, limit=_MEMBERS_AT_MOST)
    approvers = [person for person in members if rules.may_approve(person, starters)]
    title = f"{execution.title[:200]} #{execution.number}: {job.name[:100]}"
    events = [
        UserNotified(
            user_id=person.id,
            kind="approval.wanted",
            title=f"{title} wants to deploy to {request.environment}",
            link=f"/executions/{execution.id}",
            execution_id=execution.id,
        )
        for person in approvers[:_TOLD_AT_MOST]
    ]
    await notify(session, *events)
    await enqueue(session, NotifyApproval(job_id=job.id, attempt=job.attempt))
