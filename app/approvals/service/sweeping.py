"""What the scheduler does about jobs that wait: timers, expiry, changed rules, lost messages."""

import asyncio

from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.gate import pass_gate
from app.core.db import Database
from app.jobs.catalog import PassGate

_BATCH = 200
_AT_ONCE = 4
_UNASKED_FOR_S = 60.0


async def look_again(database: Database, *, max_worker_lost: int) -> int:
    """Look at all requests that are due, and at jobs whose message was lost; returns how many.

    Every replica may do so at once: each look is made under the lock of its execution.
    Raises: what went wrong with one of them, once all others are done.
    """
    async with database.read() as session:
        requests = ApprovalRepository(session)
        due = [*await requests.due(limit=_BATCH)]
        due += await requests.unasked(for_s=_UNASKED_FOR_S, limit=_BATCH)
    looks = [PassGate(job_id=job_id, attempt=attempt) for job_id, attempt in due]
    free = asyncio.Semaphore(_AT_ONCE)

    async def look(message: PassGate) -> None:
        async with free:
            await pass_gate(database, message, max_worker_lost=max_worker_lost)

    results = await asyncio.gather(*map(look, looks), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return len(looks)
