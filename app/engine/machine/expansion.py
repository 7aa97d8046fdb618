"""Nodes that stand for others: how they become those, and how those end them.

A run again expands again. Nodes of the earlier expansion are kept as rows: one with the same key
is used again (its attempt was raised by the re-run), one that the new expansion has not is dropped:
it ends as SKIPPED and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.engine.expressions import ExpressionError, to_text
from app.engine.machine.board import Board
from app.engine.machine.calls import call_inputs
from app.engine.machine.contexts import base_contexts, inside_job, place_of
from app.engine.machine.evaluation import value_of
from app.engine.machine.fields import evaluated
from app.engine.machine.graph import scope_of
from app.engine.machine.nodes import Place, file_nodes, matrix_of, variants
from app.engine.machine.results import common_status, effective, job_values, merged_outputs
from app.engine.machine.types import Node
from app.engine.states import TERMINAL_JOB, JobStatus

_RUNNING = frozenset({JobStatus.RUNNING, JobStatus.CANCELLING})
_VERBS = {
    JobStatus.FAILURE: "failed",
    JobStatus.TIMED_OUT: "timed out",
    JobStatus.CANCELLED: "was cancelled",
}

EMPTY_MATRIX = "no combination of the matrix is left after `exclude`"
_AGAIN = "it was expanded again without this one"


def expand_matrix(board: Board, node: Node, contexts: Mapping[str, Any]) -> list[Node]:
    """Turn the stand-in of a dynamic matrix into its jobs, which have no holds passed yet.

    Raises:
        InvalidField: the matrix cannot be evaluated, or describes no jobs.
    """
    job = board.job(node)
    strategy = {"fail_fast": node.fail_fast, "max_parallel": node.max_parallel}
    found = matrix_of(job, contexts)
    if not found:
        board.end(node, JobStatus.SKIPPED, f"{EMPTY_MATRIX} ({_line(board, node)})")
        return []
    wanted = variants(job, found, strategy, contexts, place_of(board, node))
    node = board.put(node, status=JobStatus.RUNNING, reason=None)
    return _adopt(board, node, wanted)


def expand_call(board: Board, node: Node) -> list[Node]:
    """Turn a call into the nodes of the file that it uses.

    Raises:
        InvalidField: what it passes cannot be evaluated, or does not fit the declared inputs.
    """
    job = board.job(node)
    place = Place.under(node)
    definition = board.before.files[place.path]
    passed = evaluated(job, "with", job.with_, inside_job(board, node))
    contexts = base_contexts(board, scope_of(node))
    inputs = call_inputs(job, definition.on.call_inputs, passed, contexts)
    contexts["inputs"] = inputs
    wanted = file_nodes(definition, contexts, place)
    node = board.put(node, status=JobStatus.RUNNING, hold=None, reason=None, inputs=inputs)
    return _adopt(board, node, wanted)


def _line(board: Board, node: Node) -> str:
    return f"line {board.job(node).position.line}"


def _adopt(board: Board, parent: Node, wanted: list[Node] | tuple[Node, ...]) -> list[Node]:
    """Make the wanted nodes the children."""
    where = f"`{parent.key}` ({_line(board, parent)})"
    return adopt(board, parent.key, wanted, f"no longer a job of {where}: {_AGAIN}")


def adopt(board: Board, parent: str | None, wanted: Sequence[Node], reason: str) -> list[Node]:
    """Make the wanted nodes those that stand under `parent`: used again, new, or dropped.

    One that has ended by now is not among those that are run again: it stays as it is.

    Parameters:
        reason: why one is dropped.
    """
    kept = {child.key: child for child in board.children(parent)}
    board.add(node for node in wanted if node.key not in kept)
    for node in wanted:
        old = kept.pop(node.key, None)
        if old is not None and (old.dropped or old.status not in TERMINAL_JOB):
            # A dropped one was left out when the others got their new attempt.
            board.put(replace(node, attempt=old.attempt + old.dropped))
    for old in kept.values():
        if not old.dropped:
            board.end(old, JobStatus.SKIPPED, reason, dropped=True)
    found = [board.nodes[node.key] for node in wanted]
    return [node for node in found if node.status not in TERMINAL_JOB]


def close_parent(board: Board, node: Node) -> None:
    """End the stand-in above an ended node when it was the last one."""
    if node.parent is None:
        return
    parent = board.nodes[node.parent]
    children = board.children(parent.key)
    if parent.status in _RUNNING and all(child.status in TERMINAL_JOB for child in children):
        _close(board, parent, children)


def _close(board: Board, parent: Node, children: list[Node]) -> None:
    status = common_status(children)
    if parent.kind == "matrix":
        outputs = merged_outputs(children)
    else:
        try:
            outputs = _call_outputs(board, parent)
        except ExpressionError as error:
            reason = f"the outputs of `on.workflow_call` cannot be evaluated: {error}"
            board.end(parent, JobStatus.FAILURE, reason)
            return
    board.end(parent, status, _reason(board, parent, status, children), outputs=outputs)


def _call_outputs(board: Board, call: Node) -> dict[str, str]:
    definition = board.before.files[(*call.path, call.job_id)]
    if not definition.on.call_outputs:
        return {}
    contexts = base_contexts(board, call.key)
    contexts["jobs"] = job_values(board, call.key, definition.jobs)
    return {
        name: to_text(value_of(text, contexts)) for name, text in definition.on.call_outputs.items()
    }


def _reason(board: Board, parent: Node, status: JobStatus, children: list[Node]) -> str | None:
    if status is JobStatus.SUCCESS:
        return None
    if status is JobStatus.SKIPPED:
        return f"all its jobs were skipped ({_line(board, parent)})"
    if status is JobStatus.CANCELLED and board.cancelling:
        return board.reason
    culprit = next(child for child in children if effective(child) is status)
    return f"job `{culprit.key}` {_VERBS[status]}"
