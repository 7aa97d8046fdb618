"""The claim holder ends its attempt, gives it back, or is found dead."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.db import AsyncSession, Database
from app.engine.machine.types import Event, HandedBack, JobFinished, WorkerLost
from app.engine.states import JobStatus
from app.executions.interpreter import apply
from app.executions.locking import lock
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.moving import MovingRepository
from app.executions.service.steps import StepRow, write_steps
from app.jobs.catalog import MergeLogs
from app.jobs.outbox import Queued, enqueue_all


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
) -> bool:
    """End a claimed attempt with its last step states, in one transaction.

    Parameters: `merge_logs` says that its logs are in so many small chunks that merging pays.

    Returns False when the token no longer holds the job: nothing was written. Calling again
    after an unknown outcome answers True if the first call took effect.
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

    async def end(session: AsyncSession) -> bool:
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None:
            return False
        job = locked.by_key[key]
        if job.claim_token != token:
            return job.attempt == attempt and job.status == status
        await write_steps(session, steps)
        if annotations:
            await MovingRepository(session).update_job(job_id, {"annotations": list(annotations)})
        await apply(session, locked, event)
        if merge_logs:
            message = MergeLogs(job_id=job_id, attempt=attempt)
            await enqueue_all(session, [Queued(message)])
        return True

    return await database.transact(end)


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
