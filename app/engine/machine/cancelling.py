"""Cancelling: an execution, one node with all that is under it, or the rest of a matrix."""

from app.engine.machine.board import UNSTARTED, Board
from app.engine.machine.types import CancelRequested, Node, StopJob
from app.engine.machine.verdicts import outlives_cancel
from app.engine.states import TERMINAL_JOB, JobStatus


def cancel(board: Board, event: CancelRequested) -> None:
    """Cancel what the event names. A second request for the same stops at once.

    In an execution that was not started yet nothing outlives the cancel.
    """
    board.admits = not board.awaits_start()
    if event.key is None:
        _cancel_execution(board, event.by)
        return
    node = board.nodes.get(event.key)
    if node is not None and node.status not in TERMINAL_JOB:
        force = node.status is JobStatus.CANCELLING
        stop(board, node, _again(event.by) if force else event.by, force=force)


def _cancel_execution(board: Board, by: str) -> None:
    if all(node.status in TERMINAL_JOB for node in board.nodes.values()):
        return
    force = board.cancelling
    board.cancelling = True
    board.reason = _again(by) if force else by
    for node in list(board.nodes.values()):
        # What stands under something that is not expanded shares the fate of that.
        if board.is_open(node) and (force or not board.admits or not outlives_cancel(board, node)):
            stop_alone(board, board.nodes[node.key], board.reason, force=force)


def stop(board: Board, node: Node, reason: str, *, force: bool = False) -> None:
    """Cancel a node and all that is under it."""
    under = list(board.descendants(node.key)) if node.kind != "job" else []
    stop_alone(board, node, reason, force=force)
    for child in under:
        if board.is_open(child):
            stop_alone(board, child, reason, force=force)


def stop_alone(board: Board, node: Node, reason: str, *, force: bool) -> None:
    """Cancel what has not started; tell what runs to stop."""
    if node.status in TERMINAL_JOB:
        return
    if node.status in UNSTARTED:
        board.end(node, JobStatus.CANCELLED, reason)
    elif node.status is JobStatus.RUNNING or (force and node.reason != reason):
        stopping = board.put(node, status=JobStatus.CANCELLING, reason=reason)
        if node.kind == "job":
            board.commands.append(StopJob(stopping.key, stopping.attempt, force))


def _again(by: str) -> str:
    return f"{by}; asked again, so it is stopped at once"
