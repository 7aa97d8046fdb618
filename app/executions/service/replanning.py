"""A new attempt with other inputs: they are checked, and the file is planned again with them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.db import AsyncSession
from app.engine.document import InvalidInputs, coerce_inputs
from app.engine.expressions import ExpressionError, to_text
from app.engine.machine.types import Node
from app.engine.plan import InvalidPlan, plan
from app.executions.errors import DefinitionIsInvalid, ExecutionNotFound, InputsAreInvalid
from app.executions.locking import contexts_of, files_of
from app.executions.models import Execution
from app.executions.repository.groups import GroupRepository
from app.executions.repository.moving import MovingRepository
from app.executions.service.naming import named
from app.jobs.catalog import ReleaseGroups
from app.jobs.outbox import Queued, enqueue_all


@dataclass(frozen=True, slots=True)
class Replanned:
    """What an attempt with other inputs begins with: the nodes of its plan and the columns of the
    execution that follow from the inputs. `attempt` is the one that it takes the place of."""

    attempt: int
    nodes: tuple[Node, ...]
    columns: Mapping[str, Any]


async def replanned(
    session: AsyncSession, execution_id: uuid.UUID, changed: Mapping[str, Any]
) -> Replanned:
    """The plan of the next attempt. Nothing is locked: see `Replanned.attempt`.

    Parameters: `changed` are inputs by name; others keep their value, and null takes the default.
    Raises: ExecutionNotFound, InputsAreInvalid, DefinitionIsInvalid.
    """
    repository = MovingRepository(session)
    execution = await repository.read(execution_id)
    if execution is None:
        raise ExecutionNotFound
    files = await files_of(session, execution)
    definition = files[()]
    try:
        inputs = coerce_inputs(definition.on.dispatch_inputs, _merged(execution, changed))
        columns = {"inputs": dict(inputs), "github": _with_inputs(execution, inputs)}
        contexts = contexts_of(_next(execution, columns))
        only = await repository.planned_jobs(execution_id)
        planned = plan(definition, contexts, files=files, only=only)
    except InvalidInputs as error:
        raise InputsAreInvalid.because(error) from error
    except (InvalidPlan, ExpressionError) as error:
        raise DefinitionIsInvalid(f"the pipeline cannot be planned: {error}") from error
    name = str(execution.github["workflow"])
    columns |= named(definition, planned, pipeline_name=name)
    return Replanned(execution.attempt, planned.nodes, columns)


async def lock_groups(
    session: AsyncSession, execution_id: uuid.UUID, change: Replanned | None
) -> uuid.UUID | None:
    """Lock the group that the execution was in, if any, and the one that its next attempt is in;
    returns the latter. If it is another one, the execution has left the former."""
    repository = GroupRepository(session)
    before = await repository.group_of(execution_id)
    if before is None:
        return None
    project_id, old = before
    new = old if change is None else change.columns["concurrency_group"]
    names = {_folded(name) for name in (old, new) if name is not None}
    # In one order for everybody, so that no two transactions wait for each other.
    locked = {name: await repository.lock(project_id, name) for name in sorted(names)}
    if old is not None and (new is None or _folded(new) != _folded(old)):
        await _leave(session, locked[_folded(old)], execution_id)
    return None if new is None else locked[_folded(new)]


async def _leave(session: AsyncSession, group_id: uuid.UUID, execution_id: uuid.UUID) -> None:
    groups = GroupRepository(session)
    members = await groups.members(group_id)
    gone = [one for one in members if one.execution_id == execution_id and one.job_id is None]
    await groups.remove([one.id for one in gone])
    others = [one for one in members if one not in gone]
    if others:
        # The message of the attempt's end finds the groups of this execution: this one no more.
        await enqueue_all(session, [Queued(ReleaseGroups(execution_id=others[0].execution_id))])


def _folded(name: str) -> str:
    return name.casefold()[:255]


def _merged(execution: Execution, changed: Mapping[str, Any]) -> dict[str, Any]:
    if execution.event != "workflow_dispatch":
        raise InputsAreInvalid(
            f"the execution was started by `{execution.event}`, which has no inputs: run it again"
            " without any, or start the pipeline with inputs"
        )
    folded = {name.casefold() for name in changed}
    kept = {
        name: value for name, value in execution.inputs.items() if name.casefold() not in folded
    }
    return {**kept, **changed}


def _with_inputs(execution: Execution, inputs: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: to_text(value) for name, value in inputs.items()}
    return {**execution.github, "event": {**execution.github["event"], "inputs": shown}}


def _next(execution: Execution, columns: Mapping[str, Any]) -> Execution:
    return Execution(attempt=execution.attempt + 1, vars=execution.vars, **columns)
