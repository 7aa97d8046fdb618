"""What the scheduler does about lost workers, lost messages and jobs that nobody can run.

Every replica may run these at once: each change is made again under the lock of its execution.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence

from app.core.db import AsyncSession, Database
from app.engine.machine.types import NoWorker
from app.executions.interpreter import apply
from app.executions.locking import lock
from app.executions.repository.claims import ClaimRepository, HeldClaim
from app.executions.service.finish import declare_lost
from app.jobs.catalog import RunJob
from app.jobs.outbox import Queued, enqueue_all

HasReadyMessage = Callable[[str], Awaitable[bool | None]]
"""Whether a queue holds a message that nobody took yet; None when the broker cannot say."""

_BATCH = 200
_AT_ONCE = 8
_LONGEST_BACK_OFF_S = 600.0


async def take_lost_claims(database: Database, *, max_worker_lost: int) -> int:
    """End the claims whose lease ran out; returns how many.

    Several at once: one whose worker is frozen in a transaction makes nobody wait but itself.
    """
    async with database.read() as session:
        lost = await ClaimRepository(session).lost(limit=_BATCH)
    free = asyncio.Semaphore(_AT_ONCE)

    async def take(claim: HeldClaim) -> bool:
        async with free:
            return await declare_lost(
                database,
                execution_id=claim.execution_id,
                key=claim.key,
                attempt=claim.attempt,
                token=claim.token,
                reason="the worker did not renew its lease: it died, hangs or lost its connection",
                max_worker_lost=max_worker_lost,
            )

    return _taken(await asyncio.gather(*map(take, lost), return_exceptions=True))


def _taken(results: Sequence[bool | BaseException]) -> int:
    """How many were taken.

    Raises: what went wrong with one of them, once all others are done.
    """
    taken = 0
    for result in results:
        if isinstance(result, BaseException):
            raise result
        taken += result
    return taken


async def take_claims_of_others(
    database: Database, *, boot_id: uuid.UUID, max_worker_lost: int
) -> int:
    """End all claims of earlier processes: only for the embedded mode, which holds the file lock
    of its data folder and whose guard has removed what was left."""
    async with database.read() as session:
        held = await ClaimRepository(session).held_by_others(boot_id)
    taken = 0
    for execution_id, key, attempt, token in held:
        taken += await declare_lost(
            database,
            execution_id=execution_id,
            key=key,
            attempt=attempt,
            token=token,
            reason="the server was restarted",
            max_worker_lost=max_worker_lost,
            expired_only=False,
        )
    return taken


async def requeue_forgotten(
    database: Database,
    *,
    has_ready_message: HasReadyMessage,
    queued_after_s: float,
    no_worker_after_s: float,
    max_worker_lost: int,
) -> int:
    """Write new messages for jobs that are queued for long while their queue is empty.

    A message is only a hint and may be lost (a purged queue, a lost broker). Backs off to ten
    minutes per job. A job that nobody took for `no_worker_after_s` seconds fails (`no_worker`).
    Returns the number of messages written.
    """
    async with database.read() as session:
        claims = ClaimRepository(session)
        due = await claims.due_for_sweep(queued_after_s=queued_after_s, limit=_BATCH)
    written = 0
    ready: dict[str, bool | None] = {}
    for job_id, execution_id, attempt, queue, age_s in due:
        if age_s >= no_worker_after_s:
            await _fail_without_worker(
                database, execution_id, job_id, attempt, max_worker_lost=max_worker_lost
            )
            continue
        if queue not in ready:
            ready[queue] = await has_ready_message(queue)
        send = ready[queue] is False
        # While others wait in its queue nobody knows whether its message is among them.
        wait_s = min(max(age_s if send else age_s / 4, queued_after_s), _LONGEST_BACK_OFF_S)
        written += await _send_again(
            database, job_id, attempt, queue=queue, wait_s=wait_s, send=send
        )
    return written


async def _send_again(
    database: Database, job_id: uuid.UUID, attempt: int, *, queue: str, wait_s: float, send: bool
) -> bool:
    async def write(session: AsyncSession) -> bool:
        claims = ClaimRepository(session)
        mine = await claims.postpone_sweep(job_id, attempt=attempt, seconds=wait_s)
        if mine and send:
            message = RunJob(job_id=job_id, attempt=attempt)
            await enqueue_all(session, [Queued(message, queue=queue)])
        return mine and send

    return await database.transact(write)


async def _fail_without_worker(
    database: Database,
    execution_id: uuid.UUID,
    job_id: uuid.UUID,
    attempt: int,
    *,
    max_worker_lost: int,
) -> None:
    async def write(session: AsyncSession) -> None:
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None:
            return
        job = next((job for job in locked.jobs if job.id == job_id), None)
        if job is not None:
            await apply(session, locked, NoWorker(key=job.key, attempt=attempt))

    await database.transact(write)
