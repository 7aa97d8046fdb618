"""What a notification says."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.core.db import ReadSession
from app.core.log_chunks import ChunkIsDamaged
from app.engine.states import StepStatus
from app.executions.models import Execution, Job
from app.logs.parts import LogPosition, Part
from app.logs.repository.reading import LogRepository
from app.logs.service.reading import read_lines
from app.notifications.models import NotificationEvent
from app.notifications.notice import Notice, one_line
from app.notifications.repository.deliveries import SubjectRepository, Told

LAST_LINES = 20
_LINE = 300
_FAILED = (StepStatus.FAILURE, StepStatus.TIMED_OUT)
_SAYS = {
    NotificationEvent.FAILED: "failed",
    NotificationEvent.FIXED: "is fixed",
    NotificationEvent.SUCCEEDED: "succeeded",
    NotificationEvent.APPROVAL_WANTED: "waits for approval",
    NotificationEvent.LONG_RUNNING: "runs for a long time",
}


async def notice_of(session: ReadSession, told: Told, *, base_url: str) -> Notice:
    """The words and facts of a delivery. The log is as it was stored: secrets are masked."""
    execution, event = told.execution, told.delivery.event
    job = await _job(session, told)
    part = await _failed_part(session, job) if job and event is NotificationEvent.FAILED else None
    name = f"{told.project.slug}/{told.pipeline.slug} #{execution.number}"
    return Notice(
        delivery_id=told.delivery.id,
        event=event.value,
        title=one_line(f"{name} {_SAYS[event]}"),
        link=f"{base_url.rstrip('/')}/live#execution={execution.id}",
        facts=[one_line(fact)[:_LINE] for fact in _facts(execution, job, part)],
        log=await _last_lines(session, part) if part is not None else (),
        data=_data(told, job, part),
    )


def test_notice(*, project: str, channel: str, base_url: str, by: str, at: datetime) -> Notice:
    """What the test button sends."""
    return Notice(
        delivery_id=uuid.UUID(int=0),
        event="test",
        title=one_line(f"{project}: a test of the channel {channel}"),
        link=base_url,
        facts=[one_line(f"sent by {by} at {at:%Y-%m-%d %H:%M:%S} UTC")],
    )


async def _job(session: ReadSession, told: Told) -> Job | None:
    subjects = SubjectRepository(session)
    match told.delivery.event:
        case NotificationEvent.FAILED:
            return await subjects.failed_job(told.execution.id)
        case NotificationEvent.APPROVAL_WANTED:
            return await subjects.job(told.delivery.subject_id)
        case _:
            return None


async def _failed_part(session: ReadSession, job: Job) -> Part | None:
    parts = await LogRepository(session).parts_of_job(job.id)
    failed = [part for part in parts if part.status in _FAILED]
    # What failed with `continue-on-error` is told only when nothing else did.
    return next((part for part in failed if part.conclusion != "success"), None) or next(
        iter(failed), None
    )


async def _last_lines(session: ReadSession, part: Part) -> Sequence[str]:
    start = max(1, (part.lines or 0) - LAST_LINES + 1)
    try:
        found = await read_lines(session, [part], LogPosition(0, start), limit=LAST_LINES)
    except ChunkIsDamaged:
        return ("(the log cannot be read)",)
    return [one_line(line.text)[:_LINE] for _, line in found.lines]


def _facts(execution: Execution, job: Job | None, part: Part | None) -> Sequence[str]:
    where = [execution.title, f"{execution.event} by {execution.actor}"]
    if execution.ref is not None:
        where.append(execution.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"))
    if execution.sha is not None:
        where.append(execution.sha[:12])
    facts = [", ".join(where)]
    if job is not None and job.environment is not None:
        facts.append(f"Environment: {job.environment}")
    if job is not None:
        facts.append(f"Job: {job.name}")
    if part is not None:
        code = f" (exit code {part.exit_code})" if part.exit_code is not None else ""
        facts.append(f"Step: {part.name}{code}")
    reason = execution.reason or (job.reason if job is not None else None)
    return [*facts, f"Reason: {reason}"] if reason else facts


def _data(told: Told, job: Job | None, part: Part | None) -> dict[str, Any]:
    execution = told.execution
    return {
        "project": {"id": str(told.project.id), "slug": told.project.slug},
        "pipeline": {"id": str(told.pipeline.id), "slug": told.pipeline.slug},
        "execution": {
            "id": str(execution.id),
            "number": execution.number,
            "attempt": execution.attempt,
            "status": execution.status.value,
            "event": execution.event,
            "ref": execution.ref,
            "sha": execution.sha,
            "actor": execution.actor,
            "title": execution.title,
            "reason": execution.reason,
        },
        "job": job and {"id": str(job.id), "name": job.name, "environment": job.environment},
        "step": part and {"id": str(part.step_id), "name": part.name, "exit_code": part.exit_code},
    }
