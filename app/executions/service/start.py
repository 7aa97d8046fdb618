"""Start an execution: one transaction, all rows inserted in bulk.

Cost for any number of jobs: the pipeline's counter (2 statements), the execution, its jobs, its
events, its messages and the idempotency key (one INSERT each); the project's
variables are read each time, the version once per process. A concurrency group adds the group's
row and its members.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.audit.recording import fields_of
from app.core.db import AsyncSession, Database
from app.credentials.repository.values import VariableRepository
from app.engine.definition import Definition
from app.engine.document import InvalidDefinition, InvalidInputs, coerce_inputs
from app.engine.expressions import ExpressionError, to_text
from app.engine.machine import advance
from app.engine.machine.types import Decision, ExecutionStarted, Snapshot
from app.engine.plan import InvalidPlan, Plan, plan
from app.engine.states import ExecutionStatus
from app.events import ExecutionChanged
from app.executions.changes import dispatches, new_row, stand_in
from app.executions.errors import (
    DefinitionIsInvalid,
    ExecutionNotFound,
    IdempotencyKeyReused,
    InputsAreInvalid,
)
from app.executions.history import events_of, record
from app.executions.interpreter import do_commands
from app.executions.models import Execution
from app.executions.repository.groups import GroupRepository
from app.executions.repository.starting import Counted, StartRepository
from app.executions.service.gates import cancel_members
from app.executions.service.trail import record_execution
from app.executions.service.triggers import Started, Trigger, new_execution
from app.pipelines.definitions import Parsed, parse_version, remembered

__all__ = ["COLUMNS", "WAITS_FOR_GROUP", "Started", "Trigger", "start_execution", "start_within"]

WAITS_FOR_GROUP = "waits for its concurrency group"


async def start_execution(database: Database, trigger: Trigger, *, server_url: str) -> Started:
    """Start an execution of a pipeline that the caller may run.

    Raises: ExecutionNotFound (no such pipeline or version), InputsAreInvalid,
    DefinitionIsInvalid (the plan cannot be made), IdempotencyKeyReused, Unavailable.
    """

    async def write(session: AsyncSession) -> Started:
        known = await _known(session, trigger)
        return known or await start_within(session, trigger, server_url=server_url)

    return await database.transact(write)


async def _known(session: AsyncSession, trigger: Trigger) -> Started | None:
    if trigger.idempotency_key is None or trigger.user_id is None:
        return None
    known = await StartRepository(session).known(trigger.user_id, trigger.idempotency_key)
    if known is None:
        return None
    if known.digest != trigger.digest:
        raise IdempotencyKeyReused("send another Idempotency-Key for another request")
    return Started(known.execution_id, known.number, is_new=False)


async def start_within(session: AsyncSession, trigger: Trigger, *, server_url: str) -> Started:
    """As `start_execution`, in the caller's transaction (`database.transact`), without looking for
    an Idempotency-Key.

    Raises: ExecutionNotFound, InputsAreInvalid, DefinitionIsInvalid.
    """
    repository = StartRepository(session)
    counted = await repository.count(trigger.pipeline_id, version=trigger.version)
    if counted is None:
        raise ExecutionNotFound("there is no such pipeline or version")
    parsed = remembered(counted.version_id)
    if parsed is None:
        source, called = await repository.version(counted.version_id)
        parsed = _parse(counted.version_id, source, called)
    variables = await VariableRepository(session).of_project(counted.project_id)
    trigger = replace(trigger, variables={**variables, **trigger.variables})
    draft = _Draft.of(trigger, counted, parsed, server_url=server_url)
    holds = await _enter_group(session, draft)
    decision = draft.decision
    if holds:
        decision = advance(draft.decision.snapshot, ExecutionStarted(), now=counted.now)
    await _insert(session, draft, decision, holds=holds, now=counted.now)
    started = fields_of(draft.execution, "event", "ref", "sha", "inputs")
    await record_execution(session, trigger.by, "execution.start", draft.execution, started)
    if trigger.idempotency_key is not None and trigger.user_id is not None:
        await repository.remember(
            trigger.user_id,
            trigger.idempotency_key,
            digest=trigger.digest or "",
            execution_id=draft.execution.id,
        )
    return Started(draft.execution.id, draft.execution.number, is_new=True)


def _parse(version_id: uuid.UUID, source: str, called: Mapping[str, str]) -> Parsed:
    try:
        return parse_version(version_id, source, called)
    except (InvalidDefinition, InvalidPlan) as error:
        raise DefinitionIsInvalid(str(error)) from error


@dataclass(slots=True)
class _Draft:
    """An execution before its rows exist."""

    execution: Execution
    decision: Decision
    group_id: uuid.UUID | None = None

    @classmethod
    def of(cls, trigger: Trigger, counted: Counted, parsed: Parsed, *, server_url: str) -> "_Draft":
        execution = new_execution(trigger, counted, server_url=server_url)
        only = None if trigger.only_job is None else (trigger.only_job,)
        try:
            execution.inputs = _inputs(trigger, parsed.definition)
            _show_inputs(execution)
            contexts = _contexts(execution)
            planned = plan(parsed.definition, contexts, files=parsed.files, only=only)
        except InvalidInputs as error:
            problems = [{"input": name, "message": text} for name, text in error.problems]
            raise InputsAreInvalid(str(error), errors=problems) from error
        except (InvalidPlan, ExpressionError) as error:
            raise DefinitionIsInvalid(f"the pipeline cannot be planned: {error}") from error
        _name(execution, parsed.definition, planned, counted)
        snapshot = Snapshot(
            status=ExecutionStatus.QUEUED,
            nodes=planned.nodes,
            contexts=contexts,
            files=parsed.files,
        )
        return cls(execution, Decision(snapshot))


def _inputs(trigger: Trigger, definition: Definition) -> dict[str, Any]:
    if trigger.event != "workflow_dispatch" and not trigger.inputs:
        return {}
    return dict(coerce_inputs(definition.on.dispatch_inputs, trigger.inputs))


def _show_inputs(execution: Execution) -> None:
    """`github.event.inputs`: all of them as text, with the defaults, as GitHub sends them."""
    if execution.event == "workflow_dispatch":
        shown = {name: to_text(value) for name, value in execution.inputs.items()}
        execution.github["event"].setdefault("inputs", shown)


def _name(execution: Execution, definition: Definition, planned: Plan, counted: Counted) -> None:
    title = planned.run_name or definition.name or counted.pipeline_name
    execution.title = title[:500]
    execution.priority = definition.priority
    group = planned.concurrency_group
    execution.concurrency_group = group[:255] if group else None
    if group and definition.concurrency is not None:
        line = definition.concurrency.position.line
        execution.reason = f"{WAITS_FOR_GROUP} `{group[:255]}` (line {line})"
    execution.cancel_in_progress = planned.cancel_in_progress


def _contexts(execution: Execution) -> dict[str, Any]:
    return {
        "github": {**execution.github, "run_attempt": "1"},
        "inputs": execution.inputs,
        "vars": execution.vars,
    }


async def _enter_group(session: AsyncSession, draft: _Draft) -> bool:
    """Lock the execution's concurrency group; True when it may run at once."""
    execution = draft.execution
    if execution.concurrency_group is None:
        return True
    groups = GroupRepository(session)
    draft.group_id = await groups.lock(execution.project_id, execution.concurrency_group)
    ended = set(await groups.ended_members(draft.group_id))
    if ended:
        await groups.remove(sorted(ended))
    members = [one for one in await groups.members(draft.group_id) if one.id not in ended]
    if members and execution.cancel_in_progress:
        await cancel_members(session, members, by_execution_id=execution.id)
    return not members


COLUMNS = tuple(
    "id project_id pipeline_id version_id number attempt title event ref sha github vars inputs "  # noqa: SIM905  a list of twenty words reads worse
    "triggered_by actor priority cancel_requested concurrency_group cancel_in_progress "
    "workdir repository_id trusted".split()
)
"""What an INSERT takes from the row of a new execution."""


async def _insert(
    session: AsyncSession, draft: _Draft, decision: Decision, *, holds: bool, now: datetime
) -> None:
    execution, after = draft.execution, decision.snapshot
    due = dispatches(decision)
    rows = [
        new_row(execution, node, position, due.get(node.key), now=now)
        for position, node in enumerate(after.nodes)
    ]
    execution.seq = 1
    names = {row["key"]: (row["id"], row["name"], row["attempt"]) for row in rows}
    events = [_created(execution), *events_of(execution, decision.transitions, names)]
    values = {name: getattr(execution, name) for name in COLUMNS}
    values |= {
        "status": after.status if holds else ExecutionStatus.WAITING,
        "reason": after.reason if holds else execution.reason,
        "seq": len(events),
    }
    await StartRepository(session).insert(values, rows)
    await record(session, execution, events, causes=["ExecutionStarted"] * len(events))
    if draft.group_id is not None:
        await GroupRepository(session).add(
            draft.group_id, execution_id=execution.id, job_id=None, attempt=1, holds=holds
        )
    jobs = {row["key"]: stand_in(row) for row in rows}
    await do_commands(session, execution, jobs, decision, now=now)


def _created(execution: Execution) -> ExecutionChanged:
    return ExecutionChanged(
        seq=1,
        execution_id=execution.id,
        pipeline_id=execution.pipeline_id,
        project_id=execution.project_id,
        number=execution.number,
        status=ExecutionStatus.QUEUED,
    )
