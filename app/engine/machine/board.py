"""The working copy of one `advance`: the graph, and what changed so far."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.engine.machine.graph import Graph
from app.engine.machine.types import Command, Node, ReleaseGroup, Snapshot, Transition
from app.engine.states import JobStatus

UNSTARTED = frozenset({JobStatus.BLOCKED, JobStatus.WAITING, JobStatus.QUEUED})


class Board(Graph):
    """The nodes and what happens to them. Only `put`, `add` and `end` change a node.

    `ended` holds the keys of nodes that became terminal and whose consequences are not drawn yet.
    `admits` is False while the execution itself waits to be admitted: then nobody has a turn.
    `held` says that it has just begun to.
    """

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        super().__init__(snapshot)
        self.now = now
        self.cancelling = snapshot.cancel_requested
        self.reason = snapshot.reason
        self.transitions: list[Transition] = []
        self.created: list[str] = []
        self.commands: list[Command] = []
        self.ended: deque[str] = deque()
        self.admits = True
        self.held = False

    def awaits_start(self) -> bool:
        """Whether ExecutionStarted is still to come: only before it a ready node is blocked."""
        return any(
            node.status is JobStatus.BLOCKED and self.is_open(node) and self.needs_ended(node)
            for node in self.nodes.values()
        )

    def put(self, node: Node, **changes: Any) -> Node:
        """Store a node with these changes; record it when status, reason or attempt differ."""
        old = self.nodes[node.key]
        new = replace(node, **changes)
        self.nodes[node.key] = new
        if (new.status, new.reason, new.attempt) != (old.status, old.reason, old.attempt):
            self.transitions.append(Transition(node.key, old.status, new.status, new.reason))
        return new

    def add(self, nodes: Iterable[Node]) -> None:
        """Append nodes that did not exist."""
        for node in nodes:
            self.index(node)
            self.created.append(node.key)

    def end(self, node: Node, status: JobStatus, reason: str | None, **changes: Any) -> None:
        """Make a node terminal, give back its concurrency group, and note it for `settle`."""
        self.release_group(node)
        self.put(node, status=status, reason=reason, hold=None, not_before=None, **changes)
        self.ended.append(node.key)

    def release_group(self, node: Node) -> None:
        """Give back the concurrency group that the node holds or waits for."""
        if node.concurrency_group is not None and (node.gated or node.hold == "gate"):
            self.commands.append(ReleaseGroup(node.key, node.concurrency_group))
