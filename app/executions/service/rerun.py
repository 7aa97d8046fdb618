"""Run an ended execution again: a new attempt, nothing is overwritten."""

import uuid
from dataclasses import dataclass
from typing import Literal

from app.auth.principals import Principal
from app.core.db import AsyncSession, Database
from app.engine.machine import failed_keys
from app.engine.machine.types import RerunRequested
from app.engine.states import TERMINAL_EXECUTION
from app.executions.errors import (
    ExecutionNotFound,
    ExecutionUnfinished,
    JobNotFound,
    NothingToRerun,
)
from app.executions.interpreter import Locked, apply
from app.executions.locking import contexts_of, lock
from app.executions.nodes import snapshot_of
from app.executions.repository.moving import MovingRepository
from app.executions.service.entering import (
    WAITS_FOR_APPROVAL,
    WAITS_FOR_GROUP,
    enter_group,
    lock_group_of,
)
from app.executions.service.trail import record_execution
from app.jobs.catalog import PassExecution
from app.jobs.outbox import enqueue


@dataclass(frozen=True, slots=True)
class Rerun:
    """The execution's number in its pipeline and the number of the new attempt."""

    number: int
    attempt: int


What = Literal["all", "failed"]


async def rerun_execution(
    database: Database,
    *,
    execution_id: uuid.UUID,
    what: What = "all",
    job_key: str | None = None,
    max_worker_lost: int,
    by: Principal | None = None,
) -> Rerun:
    """Start the next attempt.

    Parameters: `what` says which jobs run again, with all that depend on them; `job_key` names
    one job instead. Others keep their results and outputs. `by` is the person who wants it.
    Raises: ExecutionNotFound, ExecutionUnfinished, NothingToRerun, JobNotFound, Unavailable.
    """

    async def start(session: AsyncSession) -> Rerun:
        group = await lock_group_of(session, execution_id)
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None:
            raise ExecutionNotFound
        execution = locked.execution
        if execution.status not in TERMINAL_EXECUTION:
            raise ExecutionUnfinished(f"it is {execution.status}; wait for its end or cancel it")
        keys = _keys(locked, what, job_key)
        execution.attempt += 1
        await MovingRepository(session).update_execution(
            execution_id,
            {
                "attempt": execution.attempt,
                "cancel_requested": False,
                "rerun_by": by and by.user_id,
            },
        )
        execution.cancel_requested = False
        locked.contexts = contexts_of(execution)
        reason = await _enter(session, locked, group)
        again = RerunRequested(keys=keys, admitted=reason is None, reason=reason)
        await apply(session, locked, again)
        chosen = {"attempt": execution.attempt, "jobs": job_key or what}
        await record_execution(session, by, "execution.rerun", execution, chosen)
        return Rerun(number=execution.number, attempt=execution.attempt)

    return await database.transact(start)


async def _enter(session: AsyncSession, locked: Locked, group_id: uuid.UUID | None) -> str | None:
    """What keeps the new attempt from running at once; None: nothing."""
    execution = locked.execution
    if execution.needs_approval:
        await enqueue(session, PassExecution(execution.id, execution.attempt))
        return WAITS_FOR_APPROVAL
    if await enter_group(session, locked, group_id):
        return None
    return f"{WAITS_FOR_GROUP} `{execution.concurrency_group}`"


def _keys(locked: Locked, what: What, job_key: str | None) -> frozenset[str] | None:
    if job_key is not None:
        if job_key not in locked.by_key:
            raise JobNotFound(f"the execution has no job {job_key!r}")
        return frozenset({job_key})
    if what == "all":
        return None
    snapshot = snapshot_of(
        locked.execution,
        locked.jobs,
        contexts=locked.contexts,
        files=locked.files,
        max_worker_lost=locked.max_worker_lost,
    )
    keys = failed_keys(snapshot)
    if not keys:
        raise NothingToRerun
    return keys
