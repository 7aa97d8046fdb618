"""Executions before their rows exist, and the rows that they get."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.engine.definition import Definition
from app.engine.document import InvalidInputs, coerce_inputs
from app.engine.expressions import ExpressionError, to_text
from app.engine.machine.types import Decision, Snapshot
from app.engine.plan import InvalidPlan, plan
from app.engine.states import ExecutionStatus
from app.events import ExecutionChanged
from app.executions.changes import dispatches, new_row, stand_in
from app.executions.errors import DefinitionIsInvalid, InputsAreInvalid
from app.executions.history import Change, events_of
from app.executions.models import Execution, Job
from app.executions.repository.starting import Counted
from app.executions.service.entering import WAITS_FOR_APPROVAL
from app.executions.service.naming import named, waits_for_group
from app.executions.service.triggers import Trigger, new_execution
from app.pipelines.definitions import Parsed

CAUSE = "ExecutionStarted"


@dataclass(slots=True)
class Draft:
    """An execution before its rows exist."""

    execution: Execution
    decision: Decision
    group_id: uuid.UUID | None = None

    @classmethod
    def of(cls, trigger: Trigger, counted: Counted, parsed: Parsed, *, server_url: str) -> "Draft":
        """Plan it.

        Raises: InputsAreInvalid, DefinitionIsInvalid.
        """
        execution = new_execution(trigger, counted, server_url=server_url)
        only = None if trigger.only_job is None else (trigger.only_job,)
        try:
            execution.inputs = _inputs(trigger, parsed.definition)
            _show_inputs(execution)
            contexts = _contexts(execution)
            planned = plan(parsed.definition, contexts, files=parsed.files, only=only)
        except InvalidInputs as error:
            raise InputsAreInvalid.because(error) from error
        except (InvalidPlan, ExpressionError) as error:
            raise DefinitionIsInvalid(f"the pipeline cannot be planned: {error}") from error
        columns = named(parsed.definition, planned, pipeline_name=counted.pipeline_name)
        for name, value in columns.items():
            setattr(execution, name, value)
        group = execution.concurrency_group
        execution.reason = (
            WAITS_FOR_APPROVAL
            if execution.needs_approval
            else waits_for_group(parsed.definition, group)
        )
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


def _contexts(execution: Execution) -> dict[str, Any]:
    return {
        "github": {**execution.github, "run_attempt": "1"},
        "inputs": execution.inputs,
        "vars": execution.vars,
    }


COLUMNS = tuple(
    "id project_id pipeline_id version_id number attempt title event ref sha github vars inputs "  # noqa: SIM905  a list of twenty words reads worse
    "triggered_by actor priority cancel_requested concurrency_group cancel_in_progress "
    "workdir repository_id trusted needs_approval".split()
)
"""What an INSERT takes from the row of a new execution."""


@dataclass(frozen=True, slots=True)
class NewRows:
    """What is inserted for a new execution: its own columns, its jobs, its first events."""

    execution: Mapping[str, Any]
    jobs: Sequence[Mapping[str, Any]]
    events: Sequence[Change]

    @classmethod
    def of(
        cls, execution: Execution, decision: Decision, *, holds: bool, now: datetime
    ) -> "NewRows":
        """`holds` False: it waits for approval or its group. `now` is the database's time."""
        after, due = decision.snapshot, dispatches(decision)
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
        return cls(values, rows, events)

    def by_key(self) -> dict[str, Job]:
        """The jobs by key, as far as commands need them."""
        return {row["key"]: stand_in(row) for row in self.jobs}


def _created(execution: Execution) -> ExecutionChanged:
    return ExecutionChanged(
        seq=1,
        execution_id=execution.id,
        pipeline_id=execution.pipeline_id,
        project_id=execution.project_id,
        number=execution.number,
        status=ExecutionStatus.QUEUED,
    )
