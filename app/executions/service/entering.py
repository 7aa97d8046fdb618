"""What an execution has to pass as a whole before anything of it runs: its approval, its group."""

import uuid

from app.core.db import AsyncSession
from app.engine.machine.types import ExecutionStarted
from app.executions.interpreter import Locked, apply
from app.executions.repository.groups import GroupRepository
from app.executions.repository.moving import MovingRepository
from app.executions.service.gates import cancel_members
from app.jobs.tags import EXECUTIONS, executions_of, touch

WAITS_FOR_APPROVAL = "waits for the approval of a pull request from a fork"
WAITS_FOR_GROUP = "waits for its concurrency group"


async def lock_group_of(session: AsyncSession, execution_id: uuid.UUID) -> uuid.UUID | None:
    """The group of an execution as a whole, locked, which comes before the execution's own lock;
    None when it has none."""
    named = await GroupRepository(session).group_of(execution_id)
    if named is None or named[1] is None:
        return None
    project_id, name = named[0], named[1]
    return await GroupRepository(session).lock(project_id, name)


async def enter_group(session: AsyncSession, locked: Locked, group_id: uuid.UUID | None) -> bool:
    """Put the present attempt of an execution into its locked group; True when it may run at once.

    The execution is locked as well.
    """
    if group_id is None:
        return True
    groups = GroupRepository(session)
    ended = set(await groups.ended_members(group_id))
    members = await groups.members(group_id)
    mine = {one.id for one in members if one.execution_id == locked.execution.id}
    if ended | mine:
        await groups.remove(sorted(ended | mine))
    others = [one for one in members if one.id not in ended | mine]
    if others and locked.execution.cancel_in_progress:
        await cancel_members(session, others, by_execution_id=locked.execution.id)
    await groups.add(
        group_id,
        execution_id=locked.execution.id,
        job_id=None,
        attempt=locked.execution.attempt,
        holds=not others,
    )
    return not others


async def start_approved(session: AsyncSession, locked: Locked, group_id: uuid.UUID | None) -> None:
    """Start an execution that was held until it was approved, or let it wait for its group.

    Group and execution are locked.
    """
    execution, moving = locked.execution, MovingRepository(session)
    await moving.update_execution(execution.id, {"needs_approval": False})
    execution.needs_approval = False
    if await enter_group(session, locked, group_id):
        await apply(session, locked, ExecutionStarted())
    else:
        reason = f"{WAITS_FOR_GROUP} `{execution.concurrency_group}`"
        await moving.update_execution(execution.id, {"reason": reason})
        await touch(session, EXECUTIONS, executions_of(execution.project_id))
