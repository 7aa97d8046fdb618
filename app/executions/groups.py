"""Gates and concurrency groups, seen from the interpreter: it only leaves messages.

The transactions that open gates and admit the next of a group lock the group before the execution
(`app.executions.service.gates`), which the interpreter, holding the execution, must not do.
"""

from collections.abc import Mapping, Sequence

from app.core.db import AsyncSession
from app.engine.machine.types import OpenGate, ReleaseGroup
from app.executions.models import Execution, Job
from app.jobs.catalog import PassGate, ReleaseGroups
from app.jobs.outbox import Queued, enqueue_all


async def ask_gates(
    session: AsyncSession,
    by_key: Mapping[str, Job],
    gates: Sequence[OpenGate],
) -> None:
    """Have each waiting attempt looked at by a transaction of its own."""
    await enqueue_all(
        session,
        [Queued(PassGate(job_id=by_key[gate.key].id, attempt=gate.attempt)) for gate in gates],
    )


async def release_groups(
    session: AsyncSession, execution: Execution, released: Sequence[ReleaseGroup], *, ended: bool
) -> None:
    """Have the next of each group admitted, if this execution held or awaited one."""
    if released or (ended and execution.concurrency_group is not None):
        await enqueue_all(session, [Queued(ReleaseGroups(execution_id=execution.id))])
