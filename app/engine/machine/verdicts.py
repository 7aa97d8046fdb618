"""Whether a node whose needs are done may go on: its `if`, and the reason when it is false."""

from collections.abc import Callable, Mapping
from typing import Final

from app.engine.definition import Job
from app.engine.expressions import ExpressionError
from app.engine.machine.board import Board
from app.engine.machine.contexts import before_matrix
from app.engine.machine.evaluation import holds, may_outlive_cancel, names_status
from app.engine.machine.results import first_with
from app.engine.machine.types import Node

_NOT_SUCCESS: Final = frozenset({"failure", "cancelled", "skipped", ""})
_VERBS: Final = {"failure": "failed", "cancelled": "was cancelled", "skipped": "was skipped"}


def condition_holds(board: Board, node: Node) -> bool:
    """Whether the node's `if` is true now.

    `success()` asks all ancestors, as GitHub's documentation says: a failure or a skip applies to
    the whole chain from there on. `cancelled()` is about the execution or a cancelled ancestor.

    Raises:
        ExpressionError: the condition cannot be evaluated.
    """
    job = board.job(node)
    if job.condition is None:
        return _succeeded(board, node)
    return holds(job.condition, before_matrix(board, node), _status_functions(board, node))


def _status_functions(board: Board, node: Node) -> Mapping[str, Callable[[], bool]]:
    return {
        "always": lambda: True,
        "success": lambda: _succeeded(board, node),
        "failure": lambda: first_with(board, node, frozenset({"failure"})) is not None,
        "cancelled": lambda: (
            board.cancelling or first_with(board, node, frozenset({"cancelled"})) is not None
        ),
    }


def _succeeded(board: Board, node: Node) -> bool:
    return not board.cancelling and first_with(board, node, _NOT_SUCCESS) is None


def why_false(board: Board, node: Node) -> str:
    """Which rule kept the node from running, in words."""
    job = board.job(node)
    where = where_if(job)
    if names_status(job.condition):
        return f"{where} is false"
    culprit = first_with(board, node, _NOT_SUCCESS)
    if culprit is None:
        return f"{where} is false"
    job_id, result = culprit
    cause = f"job `{job_id}` {_VERBS.get(result, 'has not ended')}"
    if job.condition is None:
        return f"{cause}, and there is no `if` that says otherwise (line {job.position.line})"
    return f"{cause}, and {where} asks for `success()`"


def why_invalid(board: Board, node: Node, error: ExpressionError) -> str:
    """What is wrong with the node's `if`, in words."""
    return f"{where_if(board.job(node))} cannot be evaluated: {error}"


def outlives_cancel(board: Board, node: Node) -> bool:
    """Whether the node still runs in an execution that is being cancelled, as on GitHub.

    Only an `if` with `always()` or `cancelled()` can say so. While the needs are running the
    answer is not known yet: the node stays, and its `if` is evaluated when its turn comes.
    """
    try:
        if not may_outlive_cancel(board.job(node).condition):
            return False
        return not board.needs_ended(node) or condition_holds(board, node)
    except ExpressionError:
        return False


def where_if(job: Job) -> str:
    """How reasons name the `if` of a job."""
    position = job.condition_position or job.position
    return f"`if` on line {position.line}"
