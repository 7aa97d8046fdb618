"""An execution in memory, driven by events: what the tests of the machine talk to."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.engine.definition import Definition, EventFilter, Job, Position, Triggers
from app.engine.machine import advance
from app.engine.machine.types import (
    CancelRequested,
    Command,
    Decision,
    Dispatch,
    Event,
    ExecutionStarted,
    GateOpened,
    HandedBack,
    JobClaimed,
    JobFinished,
    Node,
    OpenGate,
    RerunRequested,
    Snapshot,
    WorkerLost,
)
from app.engine.plan import called_files, plan
from app.engine.states import ExecutionStatus, JobStatus

START = datetime(2026, 1, 1, tzinfo=UTC)


def job(job_id: str, /, *needs: str, **fields: Any) -> Job:
    """A job on line 1 whose `if` is on line 12."""
    if "condition" in fields:
        fields["condition_position"] = Position(12, 5)
    return Job(id=job_id, position=Position(1, 1), needs=needs, **fields)


def file(*jobs: Job, **fields: Any) -> Definition:
    """A definition with these jobs, which may be called unless it says what it is for."""
    on = fields.pop("on", Triggers())
    if not on.events:
        on = replace(on, events=(EventFilter("workflow_call"),))
    return Definition(jobs={one.id: one for one in jobs}, on=on, **fields)


class Run:
    """One execution. Every method sends one event and keeps the decision."""

    def __init__(
        self,
        *jobs: Job,
        files: Mapping[str, Definition] | None = None,
        contexts: Mapping[str, Any] | None = None,
        start: bool = True,
    ) -> None:
        self.now = START
        definition = file(*jobs)
        found = called_files(definition, files or {})
        planned = plan(definition, contexts or {}, files=found)
        self.snapshot = Snapshot(
            status=ExecutionStatus.QUEUED,
            nodes=planned.nodes,
            contexts=contexts or {},
            files=found,
        )
        self.decision = Decision(self.snapshot)
        if start:
            self.send(ExecutionStarted())

    def send(self, event: Event) -> Decision:
        """Advance by one event."""
        self.decision = advance(self.snapshot, event, self.now)
        self.snapshot = self.decision.snapshot
        return self.decision

    def node(self, key: str) -> Node:
        """The node with this key."""
        return next(node for node in self.snapshot.nodes if node.key == key)

    @property
    def statuses(self) -> dict[str, str]:
        """The status of every node by key."""
        return {node.key: node.status.value for node in self.snapshot.nodes}

    @property
    def status(self) -> str:
        """The status of the execution."""
        return self.snapshot.status.value

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands of the last decision."""
        return self.decision.commands

    @property
    def dispatched(self) -> list[str]:
        """The keys that the last decision dispatches."""
        return [one.key for one in self.commands if isinstance(one, Dispatch)]

    @property
    def gates(self) -> list[str]:
        """The keys that the last decision opens a gate for."""
        return [one.key for one in self.commands if isinstance(one, OpenGate)]

    def claim(self, *keys: str) -> None:
        """A worker claims the present attempts of these nodes."""
        for key in keys:
            self.send(JobClaimed(key, self.node(key).attempt))

    def finish(
        self,
        key: str,
        status: str = "success",
        reason: str | None = None,
        outputs: Mapping[str, str] | None = None,
    ) -> None:
        """The claim holder ends the present attempt."""
        event = JobFinished(key, self.node(key).attempt, JobStatus(status), reason, outputs or {})
        self.send(event)

    def run(self, key: str, status: str = "success", **outputs: str) -> None:
        """Claim and finish."""
        self.claim(key)
        self.finish(key, status, outputs=outputs)

    def lose(self, key: str) -> None:
        """The worker of the present attempt dies."""
        self.send(WorkerLost(key, self.node(key).attempt, "worker w1 was lost"))

    def hand_back(self, key: str) -> None:
        """The worker of the present attempt gives it back."""
        self.send(HandedBack(key, self.node(key).attempt))

    def open_gate(self, key: str) -> None:
        """Approval and group admit the present attempt."""
        self.send(GateOpened(key, self.node(key).attempt))

    def cancel(self, key: str | None = None) -> None:
        """Ann cancels the execution or one node."""
        self.send(CancelRequested("cancelled by ann", key))

    def rerun(self, *keys: str, admitted: bool = True) -> None:
        """Run all again, or these."""
        self.send(RerunRequested(frozenset(keys) or None, admitted))

    def replan(self, **contexts: Any) -> None:
        """Run all again with other contexts."""
        contexts = {**self.snapshot.contexts, **contexts}
        self.snapshot = replace(self.snapshot, contexts=contexts)
        files = self.snapshot.files
        nodes = plan(files[()], contexts, files=files).nodes
        self.send(RerunRequested(planned=nodes))

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def limit_lost(self, most: int) -> None:
        """Set how often a job restarts after a lost worker."""
        self.snapshot = replace(self.snapshot, max_worker_lost=most)
