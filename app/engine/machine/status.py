"""The status of an execution, from the statuses of its nodes."""

from app.engine.machine.board import Board
from app.engine.machine.results import common_status, effective
from app.engine.machine.types import Node
from app.engine.states import TERMINAL_JOB, ExecutionStatus, JobStatus

_RUNNING = frozenset({JobStatus.RUNNING, JobStatus.CANCELLING})
_RAN = frozenset({JobStatus.SUCCESS, JobStatus.FAILURE, JobStatus.TIMED_OUT})
_ENDS = {
    JobStatus.FAILURE: ExecutionStatus.FAILURE,
    JobStatus.TIMED_OUT: ExecutionStatus.TIMED_OUT,
    JobStatus.CANCELLED: ExecutionStatus.CANCELLED,
}


def execution_status(board: Board) -> ExecutionStatus:
    """What the execution is now.

    At the end a failure counts more than a time-out, that more than a cancel, that more than
    success; all skipped is a success. On the way: `running` while a job runs or can be claimed
    after others ran, `queued` before anything runs, `waiting` when only gates and delays are left,
    or when it has to be admitted first.
    """
    if all(node.status in TERMINAL_JOB for node in board.nodes.values()):
        return _final(board)
    if board.cancelling:
        return ExecutionStatus.CANCELLING
    if board.held:
        return ExecutionStatus.WAITING
    jobs = [node for node in board.nodes.values() if node.kind == "job"]
    if any(node.status in _RUNNING for node in jobs):
        return ExecutionStatus.RUNNING
    if any(_is_claimable(board, node) for node in jobs):
        return ExecutionStatus.RUNNING if any(map(_has_run, jobs)) else ExecutionStatus.QUEUED
    held = any(
        node.status in {JobStatus.WAITING, JobStatus.QUEUED} for node in board.nodes.values()
    )
    return ExecutionStatus.WAITING if held else ExecutionStatus.QUEUED


def execution_reason(board: Board, status: ExecutionStatus) -> str | None:
    """Why the execution is what it is: the job that failed it, or who cancelled it."""
    if status in {ExecutionStatus.FAILURE, ExecutionStatus.TIMED_OUT}:
        wanted = next(job for job, end in _ENDS.items() if end is status)
        verb = "failed" if status is ExecutionStatus.FAILURE else "timed out"
        for node in board.nodes.values():
            if node.kind == "job" and effective(node) is wanted:
                return f"job `{node.key}` {verb}"
        return f"a job {verb}"
    if status is ExecutionStatus.CANCELLED and board.reason is None:
        return "a job was cancelled"
    return board.reason if board.cancelling or board.held else None


def _final(board: Board) -> ExecutionStatus:
    worst = common_status(board.children(None))
    if worst in _ENDS:
        return _ENDS[worst]
    return ExecutionStatus.CANCELLED if board.cancelling else ExecutionStatus.SUCCESS


def _is_claimable(board: Board, node: Node) -> bool:
    is_due = node.not_before is None or node.not_before <= board.now
    return node.status is JobStatus.QUEUED and is_due


def _has_run(node: Node) -> bool:
    return node.status in _RAN or node.lost > 0 or node.retries > 0
