"""What the scheduler does about jobs that wait: timers, expiry, changed rules, lost messages."""

import asyncio
from datetime import timedelta

from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.forks import pass_execution
from app.approvals.service.gate import pass_gate
from app.approvals.service.rules import EXPIRES_AFTER
from app.core.db import Database
from app.jobs.catalog import PassExecution, PassGate

_BATCH = 200
_AT_ONCE = 4
_UNASKED_FOR_S = 5.0
"""A look that comes before its message does what that would have done, so it need not wait long."""


async def look_again(
    database: Database, *, max_worker_lost: int, expires_after: timedelta = EXPIRES_AFTER
) -> int:
    """Look at all requests that are due, and at jobs whose message was lost; returns how many.

    Every replica may do so at once: each look is made under the lock of its execution.
    Raises: what went wrong with one of them, once all others are done.
    """
    async with database.read() as session:
        requests = ApprovalRepository(session)
        looks = [*await requests.due(limit=_BATCH)]
        looks += await requests.unasked(for_s=_UNASKED_FOR_S, limit=_BATCH)
        looks += await requests.unasked_executions(limit=_BATCH)
    free = asyncio.Semaphore(_AT_ONCE)

    async def look(message: PassGate | PassExecution) -> None:
        async with free:
            if isinstance(message, PassExecution):
                await pass_execution(
                    database,
                    message,
                    max_worker_lost=max_worker_lost,
                    expires_after=expires_after,
                )
            else:
                await pass_gate(
                    database,
                    message,
                    max_worker_lost=max_worker_lost,
                    expires_after=expires_after,
                )

    results = await asyncio.gather(*map(look, looks), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return len(looks)
