"""Run an ended execution again: a new attempt, nothing is overwritten."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.auth.principals import Principal
from app.core.db import AsyncSession, Database, Replay
from app.engine.machine import failed_keys
from app.engine.machine.types import RerunRequested
from app.engine.states import TERMINAL_EXECUTION
from app.executions.errors import (
    ExecutionNotFound,
    ExecutionUnfinished,
    InputsNeedAllJobs,
    JobNotFound,
    NothingToRerun,
)
from app.executions.interpreter import Locked, apply
from app.executions.locking import contexts_of, lock
from app.executions.models import Execution
from app.executions.nodes import snapshot_of
from app.executions.repository.moving import MovingRepository
from app.executions.service.entering import WAITS_FOR_APPROVAL, WAITS_FOR_GROUP, enter_group
from app.executions.service.replanning import Replanned, lock_groups, replanned
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
    inputs: Mapping[str, Any] | None = None,
    max_worker_lost: int,
    by: Principal | None = None,
) -> Rerun:
    """Start the next attempt.

    Parameters: `what` says which jobs run again, with all that depend on them; `job_key` names
    one job instead. Others keep their results and outputs. `inputs` are those that change, by
    name: only when all jobs run again, since the results of the others come from the old ones.
    `by` is the person who wants it.
    Raises: ExecutionNotFound, ExecutionUnfinished, NothingToRerun, JobNotFound, Unavailable,
    InputsNeedAllJobs, InputsAreInvalid, DefinitionIsInvalid.
    """
    if inputs is not None and (what != "all" or job_key is not None):
        raise InputsNeedAllJobs(
            'finished jobs have used the inputs of before: send "jobs": "all" and no "key"'
        )

    async def start(session: AsyncSession) -> Rerun:
        change = None if inputs is None else await replanned(session, execution_id, inputs)
        group = await lock_groups(session, execution_id, change)
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None:
            raise ExecutionNotFound
        execution = locked.execution
        if execution.status not in TERMINAL_EXECUTION:
            raise ExecutionUnfinished(f"it is {execution.status}; wait for its end or cancel it")
        if change is not None and execution.attempt != change.attempt:
            raise Replay
        keys = _keys(locked, what, job_key)
        await _next_attempt(session, execution, change, by)
        locked.contexts = contexts_of(execution)
        reason = await _enter(session, locked, group)
        planned = None if change is None else change.nodes
        again = RerunRequested(keys, reason is None, reason, planned)
        await apply(session, locked, again)
        chosen = {"attempt": execution.attempt, "jobs": job_key or what}
        chosen |= {} if change is None else {"inputs": execution.inputs}
        await record_execution(session, by, "execution.rerun", execution, chosen)
        return Rerun(number=execution.number, attempt=execution.attempt)

    return await database.transact(start)


async def _next_attempt(
    session: AsyncSession, execution: Execution, change: Replanned | None, by: Principal | None
) -> None:
    """Keep what the present attempt was, and give the execution what the next one is run with."""
    repository = MovingRepository(session)
    await repository.archive_execution(execution)
    values = {
        "attempt": execution.attempt + 1,
        "cancel_requested": False,
        "rerun_by": by and by.user_id,
        "github": execution.github,
        **({} if change is None else change.columns),
    }
    if by is not None:
        values["github"] = {**values["github"], "triggering_actor": by.name}
    await repository.update_execution(execution.id, values)
    for name, value in values.items():
        setattr(execution, name, value)


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
