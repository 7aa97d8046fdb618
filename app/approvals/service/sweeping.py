"""What the scheduler does about jobs that wait: timers, expiry, changed rules, lost messages."""

from app.approvals.repository.requests import ApprovalRepository
from app.approvals.service.gate import pass_gate
from app.core.db import Database
from app.jobs.catalog import PassGate

_BATCH = 200
_UNASKED_FOR_S = 60.0


async def look_again(database: Database, *, max_worker_lost: int) -> int:
    """Look at all requests that are due, and at jobs whose message was lost; returns how many.

    Every replica may do so at once: each look is made under the lock of its execution.
    """
    async with database.read() as session:
        requests = ApprovalRepository(session)
        due = [*await requests.due(limit=_BATCH)]
        due += await requests.unasked(for_s=_UNASKED_FOR_S, limit=_BATCH)
    for job_id, attempt in due:
        message = PassGate(job_id=job_id, attempt=attempt)
        await pass_gate(database, message, max_worker_lost=max_worker_lost)
    return len(due)
