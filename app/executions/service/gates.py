"""Gates of jobs and concurrency groups: the group is locked first, then one execution.

A group has at most one holder. Members wait in the order in which they came and are never
dropped; `cancel-in-progress` of a newcomer cancels the holder and those who wait before it.
"""

import uuid

from app.core.db import AsyncSession, Database
from app.engine.machine.types import CancelRequested, ExecutionStarted, GateHeld, GateOpened
from app.engine.states import TERMINAL_EXECUTION, JobStatus
from app.executions.interpreter import Locked, apply
from app.executions.locking import lock
from app.executions.models import GroupMember, Job
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.groups import GroupRepository
from app.jobs.catalog import CancelExecution, PassGate, ReleaseGroups
from app.jobs.outbox import Queued, enqueue_all

CANCELLED_BY_NEWCOMER = "a newer run of its concurrency group cancels it (cancel-in-progress)"


async def pass_gate(database: Database, message: PassGate, *, max_worker_lost: int) -> None:
    """Open the gate of a waiting attempt if its concurrency group is free, else let it wait.

    Only for attempts that their environment lets through: `app.approvals.service.gate` asks that
    before.
    """

    async def look(session: AsyncSession) -> None:
        job = await _waiting_job(session, message)
        if job is None:
            return
        project_id = await _project_of(session, job)
        if job.concurrency_group is None:
            await _open(session, job, message.attempt, max_worker_lost=max_worker_lost)
            return
        groups = GroupRepository(session)
        group_id = await groups.lock(project_id, job.concurrency_group)
        await _remove_ended(groups, group_id)
        members = await groups.members(group_id)
        if any(member.job_id == job.id for member in members):
            await _admit_next(session, group_id, max_worker_lost=max_worker_lost)
            return
        await groups.add(
            group_id,
            execution_id=job.execution_id,
            job_id=job.id,
            attempt=message.attempt,
            holds=not members,
        )
        if not members:
            await _open(session, job, message.attempt, max_worker_lost=max_worker_lost)
            return
        if job.options.get("cancel_in_progress"):
            await cancel_members(session, members, by_execution_id=job.execution_id)
        await _hold(session, job, message.attempt, max_worker_lost=max_worker_lost)

    await database.transact(look)


async def release(database: Database, message: ReleaseGroups, *, max_worker_lost: int) -> None:
    """Free the groups of an ended execution or job, and admit the next of each."""
    async with database.read() as session:
        group_ids = await GroupRepository(session).groups_of(message.execution_id)
    for group_id in group_ids:
        await admit(database, group_id, max_worker_lost=max_worker_lost)


async def admit_stuck(database: Database, *, max_worker_lost: int) -> int:
    """The sweep: groups that have waiters and no live holder."""
    async with database.read() as session:
        group_ids = await GroupRepository(session).without_live_holder(limit=100)
    for group_id in group_ids:
        await admit(database, group_id, max_worker_lost=max_worker_lost)
    return len(group_ids)


async def admit(database: Database, group_id: uuid.UUID, *, max_worker_lost: int) -> None:
    """Remove ended members of a group and let the first waiter hold it if nobody does."""

    async def look(session: AsyncSession) -> None:
        if await GroupRepository(session).lock_by_id(group_id):
            await _admit_next(session, group_id, max_worker_lost=max_worker_lost)

    await database.transact(look)


async def cancel_for_newcomer(
    database: Database, message: CancelExecution, *, max_worker_lost: int
) -> None:
    """`cancel-in-progress`: cancel a holder or an older waiter of the group."""

    async def cancel(session: AsyncSession) -> None:
        locked = await lock(session, message.execution_id, max_worker_lost=max_worker_lost)
        if locked is None or locked.execution.status in TERMINAL_EXECUTION:
            return
        if not locked.execution.cancel_requested:
            await apply(session, locked, CancelRequested(by=CANCELLED_BY_NEWCOMER))

    await database.transact(cancel)


async def cancel_members(
    session: AsyncSession, members: list[GroupMember], *, by_execution_id: uuid.UUID
) -> None:
    """Have these executions cancelled, each in a transaction of its own."""
    others = {member.execution_id for member in members} - {by_execution_id}
    await enqueue_all(
        session,
        [
            Queued(CancelExecution(execution_id=other, by_execution_id=by_execution_id))
            for other in sorted(others)
        ],
    )


async def _admit_next(session: AsyncSession, group_id: uuid.UUID, *, max_worker_lost: int) -> None:
    groups = GroupRepository(session)
    await _remove_ended(groups, group_id)
    members = await groups.members(group_id)
    if not members or any(member.holds for member in members):
        return
    first = members[0]
    await groups.hold(first.id)
    locked = await lock(session, first.execution_id, max_worker_lost=max_worker_lost)
    if locked is None:
        return
    if first.job_id is None:
        await apply(session, locked, ExecutionStarted())
    else:
        await _open_locked(session, locked, first.job_id, first.attempt)


async def _open(session: AsyncSession, job: Job, attempt: int, *, max_worker_lost: int) -> None:
    locked = await lock(session, job.execution_id, max_worker_lost=max_worker_lost)
    if locked is not None:
        await _open_locked(session, locked, job.id, attempt)


async def _hold(session: AsyncSession, job: Job, attempt: int, *, max_worker_lost: int) -> None:
    """Past its environment, an attempt waits for its group alone: it says so from now on."""
    if job.environment is None:
        return
    locked = await lock(session, job.execution_id, max_worker_lost=max_worker_lost)
    if locked is not None:
        reason = f"waits for the concurrency group `{job.concurrency_group}`"
        await apply(session, locked, GateHeld(key=job.key, attempt=attempt, reason=reason))


async def _open_locked(
    session: AsyncSession, locked: Locked, job_id: uuid.UUID, attempt: int
) -> None:
    job = next(job for job in locked.jobs if job.id == job_id)
    await apply(session, locked, GateOpened(key=job.key, attempt=attempt))


async def _remove_ended(groups: GroupRepository, group_id: uuid.UUID) -> None:
    ended = await groups.ended_members(group_id)
    if ended:
        await groups.remove(ended)


async def _waiting_job(session: AsyncSession, message: PassGate) -> Job | None:
    if await ClaimRepository(session).execution_of(message.job_id) is None:
        return None
    job = await ClaimRepository(session).job(message.job_id)
    waits = job.status == JobStatus.WAITING and job.attempt == message.attempt
    return job if waits else None


async def _project_of(session: AsyncSession, job: Job) -> uuid.UUID:
    return await ClaimRepository(session).project_of(job.execution_id)
