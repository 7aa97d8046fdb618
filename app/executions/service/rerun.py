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
from app.executions.repository.groups import GroupRepository
from app.executions.repository.moving import MovingRepository
from app.executions.service.trail import record_execution


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
        group = await _lock_group(session, execution_id)
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
        admitted = await _enter_group(session, locked, group)
        await apply(session, locked, RerunRequested(keys=keys, admitted=admitted))
        chosen = {"attempt": execution.attempt, "jobs": job_key or what}
        await record_execution(session, by, "execution.rerun", execution, chosen)
        return Rerun(number=execution.number, attempt=execution.attempt)

    return await database.transact(start)


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


async def _lock_group(session: AsyncSession, execution_id: uuid.UUID) -> uuid.UUID | None:
    named = await GroupRepository(session).group_of(execution_id)
    if named is None:
        return None
    project_id, name = named
    return await GroupRepository(session).lock(project_id, name)


async def _enter_group(session: AsyncSession, locked: Locked, group_id: uuid.UUID | None) -> bool:
    if group_id is None:
        return True
    groups = GroupRepository(session)
    ended = set(await groups.ended_members(group_id))
    members = await groups.members(group_id)
    mine = {one.id for one in members if one.execution_id == locked.execution.id}
    if ended | mine:
        await groups.remove(sorted(ended | mine))
    others = [one for one in members if one.id not in ended | mine]
    await groups.add(
        group_id,
        execution_id=locked.execution.id,
        job_id=None,
        attempt=locked.execution.attempt,
        holds=not others,
    )
    return not others
