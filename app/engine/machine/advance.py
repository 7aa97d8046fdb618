"""The machine: the state of an execution and an event give the next state and what to do."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from app.engine.machine import attempts
from app.engine.machine.board import Board
from app.engine.machine.cancelling import cancel
from app.engine.machine.rerun import rerun
from app.engine.machine.settling import settle, start
from app.engine.machine.status import execution_reason, execution_status
from app.engine.machine.types import (
    CancelRequested,
    Decision,
    Event,
    ExecutionStarted,
    GateHeld,
    GateOpened,
    GateRefused,
    HandedBack,
    JobClaimed,
    JobFinished,
    NoWorker,
    RerunRequested,
    Snapshot,
    Transition,
    WorkerLost,
)


def advance(snapshot: Snapshot, event: Event, now: datetime) -> Decision:
    """What an event does to an execution. Pure: the same arguments give the same answer.

    An event for an earlier attempt, an ended or an unknown node has no effect: the decision then
    holds the very same snapshot and nothing else.

    Parameters:
        now: aware UTC; only used for `not_before` and to tell a delay from a queued job.

    Raises:
        ValueError: a JobFinished or GateRefused whose status is not terminal.
    """
    board = Board(snapshot, now)
    _apply(board, event)
    settle(board)
    return _decision(board)


def _apply(board: Board, event: Event) -> None:
    match event:
        case ExecutionStarted():
            start(board)
        case CancelRequested():
            cancel(board, event)
        case RerunRequested():
            if rerun(board, event):
                if event.admitted:
                    start(board)
                else:
                    board.held, board.reason = True, event.reason
        case _:
            _apply_to_attempt(board, event)


def _apply_to_attempt(board: Board, event: attempts.AttemptEvent) -> None:
    match event:
        case JobClaimed():
            attempts.claim(board, event)
        case JobFinished():
            attempts.finish(board, event)
        case WorkerLost():
            attempts.lose(board, event)
        case HandedBack():
            attempts.hand_back(board, event)
        case GateOpened() | GateHeld() | GateRefused():
            attempts.answer_gate(board, event)
        case NoWorker():
            attempts.give_up(board, event)
        case _:
            assert_never(event)


def _decision(board: Board) -> Decision:
    before = board.before
    if not (board.transitions or board.created or board.commands or board.reason != before.reason):
        return Decision(before)
    status = execution_status(board)
    reason = execution_reason(board, status)
    if status is not before.status:
        board.transitions.append(Transition(None, before.status, status, reason))
    after = replace(
        before,
        status=status,
        nodes=tuple(board.nodes.values()),
        reason=reason,
        cancel_requested=board.cancelling,
    )
    return Decision(after, tuple(board.transitions), tuple(board.created), tuple(board.commands))
