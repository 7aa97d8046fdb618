"""The nodes of a new execution, and what its file says about the execution as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from app.engine.definition import Definition, Position
from app.engine.expressions import ExpressionError, to_text
from app.engine.machine.evaluation import value_of
from app.engine.machine.fields import MAX_NAME, InvalidField, boolean
from app.engine.machine.nodes import Place, file_nodes
from app.engine.machine.types import Node
from app.engine.plan.called import InvalidPlan, check_called


@dataclass(frozen=True, slots=True)
class Plan:
    """What an execution starts with. `run_name` None: the file has none."""

    nodes: tuple[Node, ...]
    run_name: str | None = None
    concurrency_group: str | None = None
    cancel_in_progress: bool = False


def plan(
    definition: Definition,
    contexts: Mapping[str, Any],
    *,
    files: Mapping[tuple[str, ...], Definition] | None = None,
    only: Iterable[str] | None = None,
) -> Plan:
    """The nodes of a new execution, all blocked, in order of the file.

    A matrix that is known now is expanded; one that reads `needs` is a stand-in of kind `matrix`,
    a job with `uses` one of kind `call`. Values that read `needs`, or that cannot be evaluated,
    are left to the moment when the node becomes ready; a wrong one fails the node with a reason.

    Parameters:
        contexts: `github`, `inputs`, `vars` as plain values.
        files: definitions by call path, as `called_files` finds them; None: nothing is called.
        only: job ids of the file; these and what they need, None for all.

    Raises:
        InvalidPlan: a called file is missing or not passed what it requires, `only` names no
            job, or `run-name` or `concurrency` cannot be evaluated.
    """
    check_called({(): definition, **(files or {})})
    chosen = definition.jobs if only is None else _with_needs(definition, only)
    try:
        nodes = file_nodes(definition, contexts, Place())
    except InvalidField as error:
        raise InvalidPlan(str(error), Position(1, 1)) from error
    group, cancel = _concurrency(definition, contexts)
    return Plan(
        nodes=tuple(node for node in nodes if node.job_id in chosen),
        run_name=_text("run-name", definition.run_name, contexts, Position(1, 1)),
        concurrency_group=group,
        cancel_in_progress=cancel,
    )


def _with_needs(definition: Definition, only: Iterable[str]) -> set[str]:
    chosen: set[str] = set()
    pending = list(only)
    for job_id in pending:
        if job_id not in definition.jobs:
            near = get_close_matches(job_id, definition.jobs, n=1)
            known = near or list(definition.jobs)
            hint = ", ".join(f"`{name}`" for name in known)
            raise InvalidPlan(f"there is no job `{job_id}`; there is {hint}", Position(1, 1))
        if job_id not in chosen:
            chosen.add(job_id)
            pending.extend(definition.jobs[job_id].needs)
    return chosen


def _concurrency(definition: Definition, contexts: Mapping[str, Any]) -> tuple[str | None, bool]:
    concurrency = definition.concurrency
    if concurrency is None:
        return None, False
    where = concurrency.position
    group = _text("concurrency.group", concurrency.group, contexts, where)
    if group is not None and len(group) > MAX_NAME:
        message = f"`concurrency.group` is {len(group)} characters long; at most {MAX_NAME}"
        raise InvalidPlan(message, where)
    try:
        cancel = boolean(value_of(concurrency.cancel_in_progress, contexts))
    except (ExpressionError, InvalidField) as error:
        raise InvalidPlan(f"`concurrency.cancel-in-progress`: {error}", where) from error
    return group, cancel


def _text(
    key: str, written: str | None, contexts: Mapping[str, Any], where: Position
) -> str | None:
    try:
        return to_text(value_of(written, contexts)).strip() or None
    except ExpressionError as error:
        raise InvalidPlan(f"`{key}` cannot be evaluated: {error}", where) from error
