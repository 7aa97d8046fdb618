"""Why a job does not run yet: what it waits for now, and who is before it."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from app.core.db import ReadSession
from app.engine.states import TERMINAL_EXECUTION, JobStatus
from app.executions.models import Execution, Job
from app.executions.repository.waiting import Member, WaitingRepository
from app.executions.service.entering import WAITS_FOR_APPROVAL

WaitKind = Literal["worker", "time", "group", "environment", "approval", "place", "other"]
_WAITS = frozenset({JobStatus.QUEUED, JobStatus.WAITING})


@dataclass(frozen=True, slots=True)
class Wait:
    """What somebody waits for. `why` is a sentence without a full stop.

    `has_worker` (of queued jobs) says whether a worker that fits is there. `position` counts from
    1: in the queue, or among those that wait for the group, which `holder` holds.
    """

    kind: WaitKind
    why: str
    has_worker: bool | None = None
    position: int | None = None
    holder: Member | None = None


async def waits_of(
    session: ReadSession, jobs: Sequence[Job], *, with_positions: bool = False
) -> dict[uuid.UUID, Wait]:
    """What each of these jobs waits for, as far as they wait: at most 4 statements.

    Parameters: `with_positions` counts those before them in their queues, which reads all queued
    jobs.
    """
    waiting = [job for job in jobs if job.status in _WAITS]
    queued = [job for job in waiting if job.status == JobStatus.QUEUED]
    found = {job.id: _held(job) for job in waiting if job.status == JobStatus.WAITING}
    if any(job.concurrency_group is not None for job in waiting):
        members = await WaitingRepository(session).groups(list(found))
        found |= {
            job_id: wait for job_id, wait in waits_for_groups(members).items() if job_id in found
        }
    if queued:
        found |= await _queued(session, queued, with_positions=with_positions)
    return found


def held_for_approval(execution: Execution) -> Wait | None:
    """What an execution of a fork's pull request waits for; None when it does not."""
    if not execution.needs_approval or execution.status in TERMINAL_EXECUTION:
        return None
    return Wait("approval", execution.reason or WAITS_FOR_APPROVAL)


def waits_for_groups(members: Sequence[Member]) -> dict[uuid.UUID, Wait]:
    """What each member that does not hold its group waits for, by its job, or else execution.

    Parameters: `members` of whole groups, in order.
    """
    groups: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        groups[member.group].append(member)
    found = {}
    for name, group in groups.items():
        holder = next((member for member in group if member.holds), None)
        waiters = [member for member in group if not member.holds]
        for position, member in enumerate(waiters, start=1):
            why = f"waits for the concurrency group `{name}`{_held_by(holder)}{_after(position)}"
            wait = Wait("group", why, position=position, holder=holder)
            found[member.job_id or member.execution_id] = wait
    return found


def _held_by(holder: Member | None) -> str:
    if holder is None:
        return ""
    of = "" if holder.key is None else f"the job `{holder.key}` of "
    return f", which {of}execution #{holder.number} holds"


def _after(position: int) -> str:
    return "" if position == 1 else f"; before it wait {position - 1}"


def _held(job: Job) -> Wait:
    hold = job.options.get("hold")
    why = job.reason or "waits"
    if hold == "max-parallel":
        return Wait("place", why)
    return Wait("environment" if job.environment is not None else "other", why)


async def _queued(
    session: ReadSession, jobs: Sequence[Job], *, with_positions: bool
) -> dict[uuid.UUID, Wait]:
    repository = WaitingRepository(session)
    workers = await repository.workers()
    has_time = any(job.not_before is not None for job in jobs)
    now = await repository.now() if has_time else None
    before = await repository.before([job.id for job in jobs]) if with_positions else {}
    return {job.id: _for_worker(job, workers, before.get(job.id), now) for job in jobs}


def _for_worker(
    job: Job, workers: Sequence[frozenset[str]], before: int | None, now: datetime | None
) -> Wait:
    fits = any(labels.issuperset(job.labels) for labels in workers)
    position = None if before is None else before + 1
    wait = Wait("worker", "waits for a free worker", has_worker=fits, position=position)
    if job.not_before is not None and now is not None and job.not_before > now:
        why = job.reason or f"waits until {job.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return replace(wait, kind="time", why=why)
    if not fits:
        return replace(wait, why=_nobody(job.labels))
    if before:
        return replace(wait, why=f"waits for a free worker; before it in the queue: {before}")
    return wait


def _nobody(labels: Sequence[str]) -> str:
    if not labels:
        return "no worker is online"
    names = ", ".join(labels)
    return (
        f"no worker with the labels {names} is online: start one with them (`--labels`), "
        "or change `runs-on`"
    )
