"""What happens to a node when its turn comes: skipped, held, expanded or queued."""

from collections.abc import Mapping
from typing import Any

from app.engine.definition import Job
from app.engine.expressions import ExpressionError
from app.engine.machine.board import Board
from app.engine.machine.contexts import before_matrix, title_of
from app.engine.machine.expansion import expand_call, expand_matrix
from app.engine.machine.fields import InvalidField
from app.engine.machine.nodes import completed
from app.engine.machine.types import Dispatch, Node, OpenGate
from app.engine.machine.verdicts import condition_holds, why_false, why_invalid
from app.engine.states import JobStatus


def admit_if_ready(board: Board, node: Node) -> None:
    """Give a blocked node its turn when everything that it needs is terminal."""
    node = board.nodes[node.key]
    is_its_turn = board.admits and node.status is JobStatus.BLOCKED and board.is_open(node)
    if is_its_turn and board.needs_ended(node):
        _admit(board, node)


def _admit(board: Board, node: Node) -> None:
    try:
        is_true = condition_holds(board, node)
    except ExpressionError as error:
        board.end(node, JobStatus.FAILURE, why_invalid(board, node, error))
        return
    if not is_true and board.cancelling:
        board.end(node, JobStatus.CANCELLED, board.reason)
    elif not is_true:
        board.end(node, JobStatus.SKIPPED, why_false(board, node))
    else:
        _complete(board, node, before_matrix(board, node))


def _complete(board: Board, node: Node, contexts: Mapping[str, Any]) -> None:
    try:
        node = completed(board.job(node), node, contexts, title_of(board, node))
        expanded = expand_matrix(board, node, contexts) if node.kind == "matrix" else None
    except InvalidField as error:
        board.end(node, JobStatus.FAILURE, str(error))
        return
    if expanded is None:
        proceed(board, node)
    else:
        for variant in expanded:
            _complete(board, variant, contexts)


def proceed(board: Board, node: Node, cause: str | None = None) -> None:
    """Take a node past its holds, as far as it gets: slot of the matrix, gate, queue.

    Parameters:
        cause: why it is tried again, for the reason.
    """
    lead = f"{cause}; " if cause else ""
    if node.max_parallel is not None and board.slots_taken(node) >= node.max_parallel:
        line = board.job(node).strategy.position.line
        limit = f"max-parallel of `{node.job_id}` is {node.max_parallel} (line {line})"
        reason = f"{lead}waits for a place: {limit}"
        board.put(node, status=JobStatus.WAITING, hold="max-parallel", reason=reason)
    elif _is_gated(node) and not node.gated:
        reason = lead + _gate_reason(node, board.job(node))
        board.put(node, status=JobStatus.WAITING, hold="gate", reason=reason)
        board.commands.append(_gate(node))
    elif node.kind == "call":
        _call(board, node)
    else:
        board.put(node, status=JobStatus.QUEUED, hold=None, reason=cause)
        board.commands.append(Dispatch(node.key, node.attempt, node.not_before))


def _call(board: Board, node: Node) -> None:
    try:
        children = expand_call(board, node)
    except InvalidField as error:
        board.end(node, JobStatus.FAILURE, str(error))
        return
    for child in children:
        admit_if_ready(board, child)


def _is_gated(node: Node) -> bool:
    return node.environment is not None or node.concurrency_group is not None


def _gate(node: Node) -> OpenGate:
    return OpenGate(
        node.key,
        node.attempt,
        node.environment,
        node.concurrency_group,
        node.cancel_in_progress,
    )


def _gate_reason(node: Node, job: Job) -> str:
    waits = []
    line = job.position.line
    if node.environment is not None:
        waits.append(f"the protection rules of the environment `{node.environment}`")
    if node.concurrency_group is not None:
        waits.append(f"the concurrency group `{node.concurrency_group}`")
        line = line if job.concurrency is None else job.concurrency.position.line
    return f"waits for {' and '.join(waits)} (line {line})"
