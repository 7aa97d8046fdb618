"""Counts what executions and jobs do, once it is committed, in the process where it happened."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from app.core import metrics
from app.core.db import AsyncSession, after_commit
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, JobStatus
from app.events import Event, ExecutionChanged, JobChanged
from app.executions.models import Job

_HELD = (JobStatus.RUNNING, JobStatus.CANCELLING)


def count_ended(session: AsyncSession, events: Sequence[Event]) -> None:
    """Count executions that end with this transaction."""
    for event in events:
        if isinstance(event, ExecutionChanged) and event.status in TERMINAL_EXECUTION:
            after_commit(session, metrics.executions.labels(event.status.value).inc)


def measure_jobs(
    session: AsyncSession, jobs: Mapping[str, Job], events: Sequence[Event], *, now: datetime
) -> None:
    """Measure jobs whose worker ended them. `jobs` are as they were; `now` is database time."""
    for event in events:
        if not isinstance(event, JobChanged) or event.status not in TERMINAL_JOB:
            continue
        began = jobs[event.key].started_at
        if event.old in _HELD and began is not None:
            seen = metrics.job_duration.labels(event.status.value)
            after_commit(session, partial(seen.observe, _seconds(began, now)))


def measure_wait(session: AsyncSession, job: Job, *, now: datetime) -> None:
    """Measure how long a job that is claimed now was queued. `now` is database time."""
    if job.queued_at is not None:
        after_commit(session, partial(metrics.job_wait.observe, _seconds(job.queued_at, now)))


def measure_no_wait(session: AsyncSession) -> None:
    """Measure that a job was claimed as it became ready."""
    after_commit(session, partial(metrics.job_wait.observe, 0.0))


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
