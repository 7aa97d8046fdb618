"""Running a finished execution again: all of it, or some nodes and what depends on them.

A chosen node and everything that depends on it go back to BLOCKED with a new attempt. What stands
for others is expanded again when it is itself among them; when only something under it is, it is
opened again and keeps its other children. A call with a concurrency group first has to get that
again, so it and what was opened under it wait like new ones. A dropped node stays as it ended.
"""

from app.engine.machine.board import Board
from app.engine.machine.expansion import adopt
from app.engine.machine.nodes import blocked_reason
from app.engine.machine.results import effective
from app.engine.machine.types import Node, RerunRequested, Snapshot
from app.engine.states import TERMINAL_EXECUTION, JobStatus

_OTHER_INPUTS = "no longer a job of the file with the inputs of this attempt"
_TO_REPEAT = frozenset({JobStatus.FAILURE, JobStatus.TIMED_OUT, JobStatus.CANCELLED})


def failed_keys(snapshot: Snapshot) -> frozenset[str]:
    """The nodes to name in RerunRequested for "re-run failed": failed, timed out, cancelled.

    A stand-in is named only when no node under it is. Failures that `continue-on-error` forgives
    are not repeated.
    """
    failed = {node.key: node for node in snapshot.nodes if effective(node) in _TO_REPEAT}
    parents = {node.parent for node in failed.values()}
    return frozenset(key for key in failed if key not in parents)


def rerun(board: Board, event: RerunRequested) -> bool:
    """Put the nodes of the event, and what depends on them, back to the start.

    Returns:
        Whether there was anything to do.
    """
    if board.before.status not in TERMINAL_EXECUTION:
        return False
    keys = board.nodes.keys() if event.keys is None else event.keys & board.nodes.keys()
    scope = _Scope(board)
    for key in keys:
        scope.repeat(key)
    if not scope.repeated:
        return False
    board.cancelling = False
    board.reason = None
    for node in list(board.nodes.values()):
        if node.key in scope.repeated:
            _reset(board, node, JobStatus.BLOCKED, blocked_reason(board.job(node)))
        elif node.key in scope.opened:
            held = scope.waits_for_group(node)
            reason = blocked_reason(board.job(node)) if held else None
            _reset(board, node, JobStatus.BLOCKED if held else JobStatus.RUNNING, reason)
    if event.planned is not None:
        adopt(board, None, event.planned, _OTHER_INPUTS)
    return True


class _Scope:
    """Which nodes are repeated from the start, and which stand-ins are only opened again."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.repeated: set[str] = set()
        self.opened: set[str] = set()

    def repeat(self, key: str) -> None:
        """Add a node, what is under it, what depends on it, and open what it stands under."""
        pending = [key]
        while pending:
            node = self.board.nodes[pending.pop()]
            if node.key in self.repeated or node.dropped:
                continue
            self.repeated.add(node.key)
            if node.kind != "job":
                pending.extend(child.key for child in self.board.children(node.key))
            pending.extend(self._dependents(node))
            pending.extend(self._open(node))

    def _dependents(self, node: Node) -> list[str]:
        return [one.key for one in self.board.dependents(node.parent, node.job_id)]

    def _open(self, node: Node) -> list[str]:
        """Open the stand-ins above a node; returns the keys that have to be repeated for it."""
        found: list[str] = []
        while node.parent is not None and node.parent not in self.repeated | self.opened:
            node = self.board.nodes[node.parent]
            self.opened.add(node.key)
            found.extend(self._dependents(node))
        return found

    def waits_for_group(self, node: Node) -> bool:
        """Whether an opened node, or one that it stands under, has a concurrency group to get."""
        while node.concurrency_group is None:
            if node.parent is None:
                return False
            node = self.board.nodes[node.parent]
        return True


def _reset(board: Board, node: Node, status: JobStatus, reason: str | None) -> None:
    board.put(
        node,
        status=status,
        reason=reason,
        attempt=node.attempt + 1,
        lost=0,
        retries=0,
        outputs={},
        environment_url=None,
        not_before=None,
        gated=False,
        hold=None,
    )
