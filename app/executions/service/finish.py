"""The claim holder ends its attempt, gives it back, or is found dead."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.core.db import AsyncSession, Database
from app.engine.machine.types import Event, HandedBack, JobFinished, WorkerLost
from app.engine.states import JobStatus
from app.executions.continuing import Continuation
from app.executions.interpreter import Locked, apply, apply_end
from app.executions.locking import lock
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.moving import MovingRepository
from app.executions.service.claim import (
    Claimed,
    claimed_of,
    ids_of,
    opened_steps,
    partial_snapshot,
)
from app.executions.service.steps import StepRow, store_steps, tell_steps
from app.jobs.catalog import MergeLogs
from app.jobs.outbox import Queued, enqueue_all


class Finished(NamedTuple):
    """`held` False: the token no longer holds the job, nothing was written. `claimed` is the job
    that the worker goes on with."""

    held: bool
    claimed: Claimed | None = None


async def finish(
    database: Database,
    *,
    execution_id: uuid.UUID,
    job_id: uuid.UUID,
    key: str,
    attempt: int,
    token: uuid.UUID,
    status: JobStatus,
    reason: str | None,
    outputs: Mapping[str, str],
    environment_url: str | None,
    annotations: Sequence[Mapping[str, Any]],
    steps: Sequence[StepRow],
    max_worker_lost: int,
    merge_logs: bool = False,
    steps_ended: bool = False,
    continuation: Continuation | None = None,
) -> Finished:
    """End a claimed attempt with its last step states, in one transaction.

    Parameters: `merge_logs` says that its logs are in so many small chunks that merging pays;
    `steps_ended` that with `steps` no step is left open; `continuation` claims a job that becomes
    ready by this end, in the same transaction.

    Calling again with the same tokens after an unknown outcome answers the same.
    Cost: lock the execution, its jobs (if another process changed them last), the job (with it one
    that becomes ready; for more, one for each), the events, the execution, the steps (with those of
    the job that is claimed); one for the messages, if any; one commit.
    Raises: Unavailable when the database is away.
    """
    event = JobFinished(
        key=key,
        attempt=attempt,
        status=status,
        reason=reason,
        outputs=outputs,
        environment_url=environment_url,
    )

    async def end(session: AsyncSession) -> Finished:
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None:
            return Finished(False)
        job = locked.by_key[key]
        if job.claim_token != token:
            if job.attempt != attempt or job.status != status:
                return Finished(False)
            return Finished(True, await _claimed_before(session, locked, continuation))
        tell_steps(session, steps)
        if annotations:
            await MovingRepository(session).update_job(job_id, {"annotations": list(annotations)})
        snapshot, taken = await apply_end(
            session, locked, event, continuation=continuation, steps_ended=steps_ended
        )
        if merge_logs:
            message = MergeLogs(job_id=job_id, attempt=attempt)
            await enqueue_all(session, [Queued(message)])
        if taken is None or continuation is None:
            await store_steps(session, steps)
            return Finished(True)
        row, of_next = locked.by_key[taken.dispatch.key], continuation.token
        opened = opened_steps(locked, row, taken.dispatch.attempt)
        await store_steps(session, [*steps, *opened])
        ids = ids_of(opened)
        return Finished(True, claimed_of(locked, snapshot, row, of_next, ids, cancel_level=0))

    return await database.transact(end)


async def _claimed_before(
    session: AsyncSession, locked: Locked, continuation: Continuation | None
) -> Claimed | None:
    """What an earlier call with an unknown outcome has claimed."""
    token = None if continuation is None else continuation.token
    job = next((job for job in locked.jobs if token and job.claim_token == token), None)
    if job is None or token is None:
        return None
    steps = {
        step.index: step.id for step in await ClaimRepository(session).steps(job.id, job.attempt)
    }
    snapshot = partial_snapshot(locked)
    return claimed_of(locked, snapshot, job, token, steps, cancel_level=job.cancel_level)


async def hand_back(
    database: Database,
    *,
    execution_id: uuid.UUID,
    key: str,
    attempt: int,
    token: uuid.UUID,
    max_worker_lost: int,
) -> bool:
    """Give a job back to the queue: its processes are gone. Not counted as lost."""
    event = HandedBack(key=key, attempt=attempt)
    return await _release(
        database, execution_id, event, key=key, token=token, max_worker_lost=max_worker_lost
    )


async def declare_lost(
    database: Database,
    *,
    execution_id: uuid.UUID,
    key: str,
    attempt: int,
    token: uuid.UUID,
    reason: str,
    max_worker_lost: int,
    expired_only: bool = True,
) -> bool:
    """Take a claim from a worker whose lease ran out.

    Parameters: `expired_only` False is for a process that knows that the holder is dead.
    Returns False when the claim was renewed or ended in the meantime.
    """
    event = WorkerLost(key=key, attempt=attempt, reason=reason)
    return await _release(
        database,
        execution_id,
        event,
        key=key,
        token=token,
        max_worker_lost=max_worker_lost,
        expired_only=expired_only,
    )


async def _release(
    database: Database,
    execution_id: uuid.UUID,
    event: Event,
    *,
    key: str,
    token: uuid.UUID,
    max_worker_lost: int,
    expired_only: bool = False,
) -> bool:
    async def end(session: AsyncSession) -> bool:
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None or locked.by_key[key].claim_token != token:
            return False
        job = locked.by_key[key]
        if expired_only and not await ClaimRepository(session).is_lost(job.id, token):
            return False
        await apply(session, locked, event)
        return True

    return await database.transact(end)
