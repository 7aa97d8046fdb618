"""The nodes of an execution by key, by place and by what they need."""

from collections.abc import Iterator

from app.engine.definition import Definition, Job
from app.engine.machine.types import Node, Snapshot
from app.engine.states import TERMINAL_JOB, JobStatus

_OPEN = frozenset({JobStatus.RUNNING, JobStatus.CANCELLING})
_SLOT_HOLDERS = frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.CANCELLING})


def is_variant(node: Node) -> bool:
    """Whether the node was expanded from the stand-in of a dynamic matrix."""
    return node.parent is not None and node.key.startswith(f"{node.parent}[")


def scope_of(node: Node) -> str | None:
    """The key of the call in whose file the node's `needs` are looked up; None: the own file.

    It follows from the keys alone, so that a part of an execution can be asked too.
    """
    if node.parent is not None and is_variant(node):
        return node.parent.rpartition("/")[0] or None
    return node.parent


class Graph:
    """A snapshot that can be asked. It reads each node once; every question is a look-up.

    `results` remembers the results of ended jobs by scope and job id. They stay true: only a
    re-run starts an ended job again, and it does that before it asks for any result.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.before = snapshot
        self.nodes: dict[str, Node] = {}
        self.results: dict[tuple[str | None, str], str] = {}
        self._groups: dict[tuple[str | None, str], list[str]] = {}
        self._children: dict[str | None, list[str]] = {}
        self._dependents: dict[tuple[str | None, str], list[str]] = {}
        for node in snapshot.nodes:
            self.index(node)

    def index(self, node: Node) -> None:
        """Take in a node whose key is new."""
        self.nodes[node.key] = node
        self._groups.setdefault((node.parent, node.job_id), []).append(node.key)
        self._children.setdefault(node.parent, []).append(node.key)
        if not is_variant(node):
            for need in node.needs:
                self._dependents.setdefault((node.parent, need), []).append(node.key)

    def definition(self, node: Node) -> Definition:
        """The file that the node comes from."""
        definition: Definition = self.before.files[node.path]
        return definition

    def job(self, node: Node) -> Job:
        """The job of the file that the node comes from."""
        return self.definition(node).jobs[node.job_id]

    def group(self, scope: str | None, job_id: str) -> list[Node]:
        """All nodes of one job id under one parent, in order of their index."""
        return [self.nodes[key] for key in self._groups.get((scope, job_id), ())]

    def siblings(self, node: Node) -> list[Node]:
        """All nodes of the same matrix, the node itself included."""
        return self.group(node.parent, node.job_id)

    def children(self, parent: str | None) -> list[Node]:
        """The nodes that stand right under this one."""
        return [self.nodes[key] for key in self._children.get(parent, ())]

    def descendants(self, parent: str) -> Iterator[Node]:
        """All nodes under this one, parents before their children."""
        for child in self.children(parent):
            yield child
            yield from self.descendants(child.key)

    def dependents(self, scope: str | None, job_id: str) -> list[Node]:
        """The nodes that name the job in their `needs`."""
        return [self.nodes[key] for key in self._dependents.get((scope, job_id), ())]

    def has_ended(self, scope: str | None, job_id: str) -> bool:
        """Whether every node of the job is terminal."""
        nodes = self.nodes
        return all(
            nodes[key].status in TERMINAL_JOB for key in self._groups.get((scope, job_id), ())
        )

    def is_open(self, node: Node) -> bool:
        """Whether what the node stands under has been expanded, so that it may have its turn."""
        return node.parent is None or self.nodes[node.parent].status in _OPEN

    def needs_ended(self, node: Node) -> bool:
        """Whether everything that the node needs is terminal."""
        scope = scope_of(node)
        return all(self.has_ended(scope, need) for need in node.needs)

    def slots_taken(self, node: Node) -> int:
        """How many nodes of the same matrix count towards its `max-parallel`."""
        return sum(
            other.status in _SLOT_HOLDERS or other.hold == "gate"
            for other in self.siblings(node)
            if other.key != node.key
        )
