"""One attempt of a job: claimed, ended, tried again, given back, let through its gate."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from app.engine.machine.board import Board
from app.engine.machine.readiness import proceed
from app.engine.machine.types import (
    GateHeld,
    GateOpened,
    GateRefused,
    HandedBack,
    JobClaimed,
    JobFinished,
    Node,
    NoWorker,
    WorkerLost,
)
from app.engine.states import TERMINAL_JOB, JobStatus

MAX_DELAY_SECONDS: Final = 86_400.0
_HELD = frozenset({JobStatus.RUNNING, JobStatus.CANCELLING})
_QUEUED = frozenset({JobStatus.QUEUED})
_CAUSES = {JobStatus.FAILURE: "failure", JobStatus.TIMED_OUT: "timed_out"}

AttemptEvent = (
    JobClaimed
    | JobFinished
    | WorkerLost
    | HandedBack
    | GateOpened
    | GateHeld
    | GateRefused
    | NoWorker
)


def claim(board: Board, event: JobClaimed) -> None:
    """A queued attempt has a worker now."""
    node = _current(board, event, _QUEUED)
    if node is not None:
        board.put(node, status=JobStatus.RUNNING, reason=None, not_before=None)


def finish(board: Board, event: JobFinished) -> None:
    """The claim holder's attempt is over: terminal, or tried again as `retry` says.

    Raises:
        ValueError: the event's status is not terminal.
    """
    if event.status not in TERMINAL_JOB:
        raise ValueError(f"a job cannot finish with the status {event.status.value!r}")
    node = _current(board, event, _HELD)
    if node is None:
        return
    cause = _CAUSES.get(event.status)
    if cause is not None and _has_tries(node, cause):
        _retry(board, node, cause, event.reason)
        return
    reason = event.reason
    if event.status is JobStatus.CANCELLED:
        reason = _cancel_reason(board, node) or reason or "cancelled by its worker"
    url = event.environment_url
    board.end(node, event.status, reason, outputs=dict(event.outputs), environment_url=url)


def lose(board: Board, event: WorkerLost) -> None:
    """The worker died: the job starts again elsewhere, unless that could deploy twice."""
    node = _current(board, event, _HELD)
    if node is None:
        return
    node = replace(node, lost=node.lost + 1)
    limit = board.before.max_worker_lost
    named = "worker_lost" in node.retry.on
    if _has_tries(node, "worker_lost"):
        _retry(board, node, "worker_lost", event.reason)
    elif node.environment is not None and not named:
        reason = (
            f"{event.reason}; not restarted because it may have changed the environment"
            f" `{node.environment}` and `retry.on` does not name worker_lost"
        )
        _fail(board, node, reason)
    elif node.lost > limit:
        _fail(board, node, f"{event.reason}; restarted {limit} times already, which is the limit")
    else:
        _again(board, node, f"{event.reason}; restart {node.lost} of {limit}")


def hand_back(board: Board, event: HandedBack) -> None:
    """A worker that shuts down gives the job back, which keeps its approvals and its group."""
    node = _current(board, event, _HELD)
    if node is None:
        return
    if _is_cancelling(board, node):
        board.end(node, JobStatus.CANCELLED, _cancel_reason(board, node))
        return
    again = replace(node, attempt=node.attempt + 1, outputs={}, environment_url=None)
    proceed(board, again, "handed back by a worker that shut down")


def answer_gate(board: Board, event: GateOpened | GateHeld | GateRefused) -> None:
    """Approval and concurrency group let the attempt pass, have it wait on, or refuse it.

    Raises:
        ValueError: the status of a refusal is not terminal.
    """
    if isinstance(event, GateRefused) and event.status not in TERMINAL_JOB:
        raise ValueError(f"a refused job cannot have the status {event.status.value!r}")
    node = _current(board, event, frozenset({JobStatus.WAITING}))
    if node is None or node.hold != "gate":
        return
    match event:
        case GateOpened():
            proceed(board, replace(node, gated=True))
        case GateHeld():
            board.put(node, reason=event.reason)
        case GateRefused():
            board.end(node, event.status, event.reason)


def give_up(board: Board, event: NoWorker) -> None:
    """No worker that fits came in time."""
    node = _current(board, event, _QUEUED)
    if node is not None:
        labels = ", ".join(node.labels)
        wanted = f"no worker with the labels {labels}" if labels else "no worker"
        _fail(board, node, f"{wanted} claimed it in time (no_worker)")


def _current(board: Board, event: AttemptEvent, statuses: frozenset[JobStatus]) -> Node | None:
    """The node, when the event is about its present attempt and it is in one of these states."""
    node = board.nodes.get(event.key)
    if node is None or node.attempt != event.attempt or node.status not in statuses:
        return None
    # What stands for others is ended by them, never by an event of its own.
    return node if node.kind == "job" or node.status is JobStatus.WAITING else None


def _has_tries(node: Node, cause: str) -> bool:
    return cause in node.retry.on and node.retries + 1 < node.retry.max_attempts


def _retry(board: Board, node: Node, cause: str, why: str | None) -> None:
    rule = node.retry
    seconds = _delay_seconds(rule.delay_seconds, rule.backoff, node.retries)
    not_before = board.now + timedelta(seconds=seconds) if seconds > 0 else None
    reason = f"try {node.retries + 2} of {rule.max_attempts} after {cause}"
    reason += f" ({why})" if why else ""
    reason += f", not before {_shown(not_before)}" if not_before else ""
    _again(board, node, reason, not_before=not_before, retries=node.retries + 1)


def _delay_seconds(first: float, backoff: float, retries: int) -> float:
    try:
        return min(first * backoff**retries, MAX_DELAY_SECONDS)
    except OverflowError:
        return MAX_DELAY_SECONDS


def _again(board: Board, node: Node, reason: str, **changes: Any) -> None:
    """Queue a new attempt, unless it is being cancelled; it asks for its approvals anew."""
    if _is_cancelling(board, node):
        board.end(node, JobStatus.CANCELLED, _cancel_reason(board, node))
        return
    board.release_group(node)
    again = replace(
        node, attempt=node.attempt + 1, gated=False, outputs={}, environment_url=None, **changes
    )
    proceed(board, again, reason)


def _fail(board: Board, node: Node, reason: str) -> None:
    if _is_cancelling(board, node):
        board.end(node, JobStatus.CANCELLED, _cancel_reason(board, node))
    else:
        board.end(node, JobStatus.FAILURE, reason)


def _is_cancelling(board: Board, node: Node) -> bool:
    return board.cancelling or node.status is JobStatus.CANCELLING


def _cancel_reason(board: Board, node: Node) -> str | None:
    return node.reason if node.status is JobStatus.CANCELLING else board.reason


def _shown(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
