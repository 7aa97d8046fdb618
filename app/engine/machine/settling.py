"""The consequences of ended nodes, until there are none left."""

from app.engine.machine.board import Board
from app.engine.machine.cancelling import stop
from app.engine.machine.expansion import close_parent
from app.engine.machine.readiness import admit_if_ready, proceed
from app.engine.machine.results import effective
from app.engine.machine.types import Node
from app.engine.states import TERMINAL_JOB, JobStatus

_FAILED = frozenset({JobStatus.FAILURE, JobStatus.TIMED_OUT})


def start(board: Board) -> None:
    """Give every node that is ready its turn."""
    for node in list(board.nodes.values()):
        admit_if_ready(board, node)


def settle(board: Board) -> None:
    """Draw the consequences of every node that ended: for its matrix, parent and dependents."""
    while board.ended:
        node = board.nodes[board.ended.popleft()]
        if node.kind != "job":
            _end_descendants(board, node)
        _fail_fast(board, node)
        _give_slot(board, node)
        close_parent(board, node)
        if board.has_ended(node.parent, node.job_id):
            for dependent in board.dependents(node.parent, node.job_id):
                admit_if_ready(board, dependent)


def _end_descendants(board: Board, node: Node) -> None:
    # Only after a re-run: rows of the earlier expansion, which did not come again.
    for child in list(board.descendants(node.key)):
        if child.status not in TERMINAL_JOB:
            board.end(child, node.status, node.reason)


def _fail_fast(board: Board, node: Node) -> None:
    if node.matrix is None or not node.fail_fast or effective(node) not in _FAILED:
        return
    for sibling in board.siblings(node):
        if sibling.status not in TERMINAL_JOB and sibling.status is not JobStatus.CANCELLING:
            line = board.job(node).strategy.position.line
            stop(board, sibling, f"job `{node.key}` failed and fail-fast is on (line {line})")


def _give_slot(board: Board, node: Node) -> None:
    if node.max_parallel is None:
        return
    for sibling in board.siblings(node):
        if sibling.hold == "max-parallel":
            if board.slots_taken(sibling) >= node.max_parallel:
                return
            proceed(board, sibling)
