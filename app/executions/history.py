"""The history of an execution: its rows are the events that live subscribers get."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.db import AsyncSession
from app.engine.machine.types import Transition
from app.engine.states import TERMINAL_EXECUTION, ExecutionStatus, JobStatus
from app.events import ExecutionChanged, JobChanged, UserNotified, publish_after_commit
from app.executions.measuring import count_ended
from app.executions.models import Execution
from app.executions.repository.moving import MovingRepository
from app.inbox.service import notify
from app.jobs.catalog import ReportStatus
from app.jobs.outbox import enqueue
from app.jobs.tags import EXECUTIONS, executions_of, touch

Change = ExecutionChanged | JobChanged


def events_of(
    execution: Execution,
    transitions: Sequence[Transition],
    names: Mapping[str, tuple[UUID, str, int]],
) -> list[Change]:
    """The events of some transitions, numbered after the execution's last one.

    Parameters: `names` gives id, name and attempt of each node after the transitions.
    """
    events: list[Change] = []
    for seq, change in enumerate(transitions, start=execution.seq + 1):
        reason = change.reason and change.reason[:2000]
        if change.key is None:
            events.append(
                ExecutionChanged(
                    seq=seq,
                    execution_id=execution.id,
                    pipeline_id=execution.pipeline_id,
                    project_id=execution.project_id,
                    number=execution.number,
                    attempt=execution.attempt,
                    status=ExecutionStatus(change.new),
                    old=ExecutionStatus(change.old),
                    reason=reason,
                )
            )
        else:
            job_id, name, attempt = names[change.key]
            events.append(
                JobChanged(
                    seq=seq,
                    execution_id=execution.id,
                    job_id=job_id,
                    key=change.key,
                    name=name,
                    attempt=attempt,
                    status=JobStatus(change.new),
                    old=JobStatus(change.old) if change.old else None,
                    reason=reason,
                )
            )
    return events


async def record(
    session: AsyncSession, execution: Execution, events: Sequence[Change], *, causes: Sequence[str]
) -> None:
    """Append events to the history, each with its cause; publish them after the commit."""
    rows = [_row(execution, *each) for each in zip(events, causes, strict=True)]
    await MovingRepository(session).append_events(rows)
    count_ended(session, events)
    if _changes_execution(events):
        await touch(session, EXECUTIONS, executions_of(execution.project_id))
    publish_after_commit(session, *events)
    await notify(session, *_notices(execution, events))
    if execution.repository_id is not None and _changes_execution(events):
        await enqueue(session, ReportStatus(execution_id=execution.id))


async def record_new(
    session: AsyncSession, started: Sequence[tuple[Execution, Sequence[Change]]], *, cause: str
) -> None:
    """As `record`, for any number of executions that have just begun, by no push: two INSERTs."""
    rows = [_row(execution, event, cause) for execution, events in started for event in events]
    await MovingRepository(session).append_events(rows)
    if started:
        projects = {executions_of(execution.project_id) for execution, _ in started}
        await touch(session, EXECUTIONS, *projects)
    publish_after_commit(session, *(event for _, events in started for event in events))


def _row(execution: Execution, event: Change, cause: str) -> dict[str, Any]:
    return {
        "execution_id": execution.id,
        "seq": event.seq,
        "type": event.type,
        "cause": cause,
        "job_id": event.job_id if isinstance(event, JobChanged) else None,
        "data": event.data(),
        "at": event.at,
    }


def _changes_execution(events: Sequence[Change]) -> bool:
    return any(isinstance(event, ExecutionChanged) for event in events)


def _notices(execution: Execution, events: Sequence[Change]) -> list[UserNotified]:
    """What the person who started it wants to know: that it ended, and how."""
    if execution.triggered_by is None:
        return []
    return [
        UserNotified(
            user_id=execution.triggered_by,
            kind="execution.finished",
            title=f"{execution.title[:200]} #{execution.number}: {event.status.value}",
            link=f"/executions/{execution.id}",
            execution_id=execution.id,
        )
        for event in events
        if isinstance(event, ExecutionChanged) and event.status in TERMINAL_EXECUTION
    ]
