"""The queue: who waits for what, since when, and who is before them."""

import uuid

from app.approvals.models import ApprovalRequest
from app.approvals.repository.queue import QueueRepository
from app.approvals.schemas import AwaitedApproval, HolderRead, QueueEntry
from app.auth.principals import Principal
from app.core.db import ReadSession
from app.core.pagination import PageParams
from app.core.schemas import Page
from app.executions.models import Execution, Job
from app.executions.repository.waiting import WaitingRepository
from app.executions.service.waiting import (
    Wait,
    held_for_approval,
    waits_for_groups,
    waits_of,
)


async def queue(
    session: ReadSession,
    *,
    principal: Principal,
    page: PageParams,
    project_id: uuid.UUID | None,
) -> Page[QueueEntry]:
    """A page of what waits and the caller may see, oldest first: at most 10 statements."""
    repository = QueueRepository(session)
    ids, following = await repository.page_of(principal, page, project_id=project_id)
    jobs = {job.id: (job, execution) for job, execution in await repository.jobs(ids)}
    waits = await waits_of(session, [job for job, _ in jobs.values()], with_positions=True)
    approvals = await repository.approvals(list(jobs))
    entries = {
        job.id: _of_job(job, execution, waits[job.id], approvals.get(job.id))
        for job, execution in jobs.values()
        if job.id in waits
    }
    whole = await repository.executions([one for one in ids if one not in jobs])
    members = await WaitingRepository(session).groups((), [one.id for one in whole])
    by_group = waits_for_groups(members)
    held = [one.id for one in whole if one.needs_approval]
    asked = await repository.approvals_of_executions(held) if held else {}
    for one in whole:
        wait = held_for_approval(one) or by_group.get(one.id)
        if wait is not None:
            entries[one.id] = _of_execution(one, wait, asked.get(one.id))
    return Page(items=[entries[one] for one in ids if one in entries], next=following)


def _of_job(
    job: Job, execution: Execution, wait: Wait, asked: tuple[ApprovalRequest, int] | None
) -> QueueEntry:
    return QueueEntry(
        **_common(execution, wait),
        id=job.id,
        job_id=job.id,
        job_key=job.key,
        job_name=job.name,
        status=job.status,
        since=job.queued_at or execution.created_at,
        queue=job.queue if wait.kind in ("worker", "time") else None,
        labels=job.labels,
        has_worker=wait.has_worker,
        approval=_awaited(asked),
    )


def _of_execution(
    execution: Execution, wait: Wait, asked: tuple[ApprovalRequest, int] | None
) -> QueueEntry:
    return QueueEntry(
        **_common(execution, wait),
        id=execution.id,
        job_id=None,
        job_key=None,
        job_name=None,
        status=execution.status,
        since=execution.created_at,
        queue=None,
        labels=[],
        has_worker=None,
        approval=_awaited(asked),
    )


def _common(execution: Execution, wait: Wait) -> dict[str, object]:
    holder = wait.holder
    return {
        "execution_id": execution.id,
        "project_id": execution.project_id,
        "pipeline_id": execution.pipeline_id,
        "number": execution.number,
        "title": execution.title,
        "kind": wait.kind,
        "why": wait.why,
        "position": wait.position,
        "holder": None if holder is None else HolderRead.model_validate(holder),
    }


def _awaited(asked: tuple[ApprovalRequest, int] | None) -> AwaitedApproval | None:
    if asked is None:
        return None
    request, given = asked
    return AwaitedApproval(
        id=request.id,
        environment=request.environment,
        required=request.required,
        approvals=given,
        wait_until=request.wait_until,
        expires_at=request.expires_at,
    )
