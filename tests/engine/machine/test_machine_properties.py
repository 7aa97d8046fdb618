"""What is true of the machine for any pipeline and any order of events."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.definition import Definition, Job
from app.engine.machine import advance, failed_keys
from app.engine.machine.graph import Graph
from app.engine.machine.types import (
    CancelRequested,
    Dispatch,
    Event,
    ExecutionStarted,
    GateHeld,
    GateOpened,
    GateRefused,
    HandedBack,
    JobClaimed,
    JobFinished,
    Node,
    NoWorker,
    RerunRequested,
    Snapshot,
    WorkerLost,
)
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, JobStatus
from tests.engine.machine.driver import Run
from tests.engine.machine.pipelines import OUTPUTS, pipelines

Pipeline = tuple[list[Job], dict[str, Definition]]
_HELD = (JobStatus.RUNNING, JobStatus.CANCELLING)
_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)

quick = settings(max_examples=60, deadline=None, suppress_health_check=_CHECKS)

Make = Callable[[str, int], Event]
_EVENTS: dict[str, Make] = {
    "claim": JobClaimed,
    "success": lambda key, attempt: JobFinished(key, attempt, JobStatus.SUCCESS, None, OUTPUTS),
    "failure": lambda key, attempt: JobFinished(key, attempt, JobStatus.FAILURE, "exit code 1"),
    "timed_out": lambda key, attempt: JobFinished(key, attempt, JobStatus.TIMED_OUT, "too long"),
    "cancelled": lambda key, attempt: JobFinished(key, attempt, JobStatus.CANCELLED),
    "lost": lambda key, attempt: WorkerLost(key, attempt, "worker w1 was lost"),
    "handed back": HandedBack,
    "opened": GateOpened,
    "held": lambda key, attempt: GateHeld(key, attempt, "waits for approval"),
    "refused": lambda key, attempt: GateRefused(key, attempt, "rejected"),
    "no worker": NoWorker,
    "cancel job": lambda key, attempt: CancelRequested("cancelled by ann", key),
    "cancel": lambda key, attempt: CancelRequested("cancelled by ann"),
    "start": lambda key, attempt: ExecutionStarted(),
    "rerun": lambda key, attempt: RerunRequested(),
    "rerun job": lambda key, attempt: RerunRequested(frozenset({key})),
}
# Mostly what moves things on, so that runs get far; everything else in between.
_KINDS = (*_EVENTS, *("claim", "success", "opened") * 6, *("failure", "lost") * 2)


class Story:
    """A run of events with the model of which attempts are live at a worker."""

    def __init__(self, pipeline: Pipeline) -> None:
        jobs, files = pipeline
        self.run = Run(*jobs, files=files)
        self.live: dict[str, int] = {}

    def tell(self, event: Event) -> None:
        """Send an event, and check everything that must hold of its decision."""
        before = self.run.snapshot
        decision = self.run.send(event)
        check_terminal(before, decision.snapshot, event)
        check_dispatches(
            decision.snapshot, [c for c in decision.commands if isinstance(c, Dispatch)]
        )
        check_reasons(decision.snapshot)
        self.check_live(event, before)
        again = advance(decision.snapshot, event, self.run.now)
        if not isinstance(event, CancelRequested | RerunRequested):
            assert again.snapshot is decision.snapshot

    def check_live(self, event: Event, before: Snapshot) -> None:
        """A node is held by exactly the worker that claimed its present attempt."""
        if self.run.snapshot is not before and isinstance(event, JobClaimed):
            assert event.key not in self.live
            self.live[event.key] = event.attempt
        elif (
            isinstance(event, JobFinished | WorkerLost | HandedBack)
            and self.live.get(event.key) == event.attempt
        ):
            del self.live[event.key]
        held = {
            node.key: node.attempt
            for node in self.run.snapshot.nodes
            if node.kind == "job" and node.status in _HELD
        }
        assert held == self.live

    def finish(self) -> None:
        """Let everything that is left go its way; it must come to an end."""
        for _ in range(600):
            if self.run.snapshot.status in TERMINAL_EXECUTION:
                return
            self.tell(next_step(self.run.snapshot))
        raise AssertionError(f"it does not end: {self.run.statuses}")


def next_step(snapshot: Snapshot) -> Event:
    """One thing that somebody would do in this state."""
    for node in snapshot.nodes:
        if node.hold == "gate":
            return GateOpened(node.key, node.attempt)
        if node.kind == "job" and node.status is JobStatus.QUEUED:
            return JobClaimed(node.key, node.attempt)
        if node.kind == "job" and node.status is JobStatus.RUNNING:
            return JobFinished(node.key, node.attempt, JobStatus.SUCCESS, None, OUTPUTS)
        if node.kind == "job" and node.status is JobStatus.CANCELLING:
            return JobFinished(node.key, node.attempt, JobStatus.CANCELLED)
    raise AssertionError("nobody can do anything, and it has not ended")


def check_terminal(before: Snapshot, after: Snapshot, event: Event) -> None:
    """What ended stays as it is, but for a re-run."""
    if isinstance(event, RerunRequested):
        return
    nodes = {node.key: node for node in after.nodes}
    for node in before.nodes:
        if node.status in TERMINAL_JOB:
            assert nodes[node.key] == node
        assert nodes[node.key].attempt >= node.attempt
    if before.status in TERMINAL_EXECUTION:
        assert after is before


def check_dispatches(after: Snapshot, dispatched: list[Dispatch]) -> None:
    """Only nodes whose needs are terminal are queued, each present attempt once."""
    graph = Graph(after)
    assert len({(one.key, one.attempt) for one in dispatched}) == len(dispatched)
    for one in dispatched:
        node = graph.nodes[one.key]
        assert graph.needs_ended(node)
        assert (node.status, node.attempt) == (JobStatus.QUEUED, one.attempt)


def check_reasons(after: Snapshot) -> None:
    """What is skipped, waits, was cancelled or is tried again says why."""
    for node in after.nodes:
        if node.status in (JobStatus.SKIPPED, JobStatus.WAITING, JobStatus.CANCELLED):
            assert node.reason, node
        if node.status is JobStatus.QUEUED and node.retries + node.lost and not node.gated:
            assert node.reason, node


def target(nodes: tuple[Node, ...], kind: str, number: int) -> Node:
    """A node that the event could be about, or any node."""
    wanted: dict[str, tuple[JobStatus, ...]] = {"claim": (JobStatus.QUEUED,)}
    for name in ("success", "failure", "timed_out", "cancelled", "lost", "handed back"):
        wanted[name] = _HELD
    for name in ("opened", "refused"):
        wanted[name] = (JobStatus.WAITING,)
    fitting = [node for node in nodes if node.status in wanted.get(kind, ())]
    pool = fitting if fitting and number % 4 else nodes
    return pool[number % len(pool)]


class TestAnyPipelineAndAnyEvents:
    @quick
    @given(
        pipelines(),
        st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 40)), max_size=40),
    )
    def test_invariants_hold_and_every_job_ends(
        self, pipeline: Pipeline, steps: list[tuple[str, int]]
    ) -> None:
        story = Story(pipeline)
        for kind, number in steps:
            node = target(story.run.snapshot.nodes, kind, number)
            attempt = max(1, node.attempt - (number % 9 == 0))
            story.tell(_EVENTS[kind](node.key, attempt))
        story.finish()
        assert all(node.status in TERMINAL_JOB for node in story.run.snapshot.nodes)

    @quick
    @given(pipelines())
    def test_a_cancelled_execution_ends_without_new_claims_when_forced(
        self, pipeline: Pipeline
    ) -> None:
        story = Story(pipeline)
        for _ in range(5):
            if story.run.snapshot.status not in TERMINAL_EXECUTION:
                story.tell(next_step(story.run.snapshot))
        story.tell(CancelRequested("cancelled by ann"))
        story.tell(CancelRequested("cancelled by ann"))
        for node in story.run.snapshot.nodes:
            assert node.status in TERMINAL_JOB or node.status is JobStatus.CANCELLING
        story.finish()

    @quick
    @given(pipelines())
    def test_rerunning_what_failed_ends_too(self, pipeline: Pipeline) -> None:
        story = Story(pipeline)
        if story.run.snapshot.status not in TERMINAL_EXECUTION:
            story.tell(CancelRequested("cancelled by ann"))
            story.finish()
        story.tell(RerunRequested(failed_keys(story.run.snapshot)))
        story.finish()


class TestOrderOfArrival:
    @quick
    @given(
        pipelines(fail_fast=False),
        st.dictionaries(st.integers(0, 30), st.sampled_from(["failure", "success"]), max_size=8),
        st.randoms(use_true_random=False),
        st.randoms(use_true_random=False),
    )
    def test_the_same_results_in_any_order_end_the_same(
        self,
        pipeline: Pipeline,
        results: dict[int, str],
        first: "Shuffler",
        second: "Shuffler",
    ) -> None:
        assert ends(pipeline, results, first) == ends(pipeline, results, second)


class Shuffler:
    """What `hypothesis` gives as a source of choices; only `choice` is used."""

    def choice(self, seq: list[Event]) -> Event:
        """One of them."""
        raise NotImplementedError


def ends(pipeline: Pipeline, results: dict[int, str], source: Shuffler) -> dict[str, object]:
    """The statuses and outputs at the end, when events come in the order of the source."""
    jobs, files = pipeline
    run = Run(*jobs, files=files)
    for _ in range(600):
        possible = possible_steps(run.snapshot, results)
        if not possible:
            break
        run.send(source.choice(possible))
    assert run.snapshot.status in TERMINAL_EXECUTION
    ended: dict[str, object] = {
        node.key: (node.status, node.outputs) for node in run.snapshot.nodes
    }
    return ended | {"": run.status}


def possible_steps(snapshot: Snapshot, results: dict[int, str]) -> list[Event]:
    """Everything that could come next, when each attempt has its given result."""
    steps: list[Event] = []
    for node in snapshot.nodes:
        if node.hold == "gate":
            steps.append(GateOpened(node.key, node.attempt))
        elif node.kind == "job" and node.status is JobStatus.QUEUED:
            steps.append(JobClaimed(node.key, node.attempt))
        elif node.kind == "job" and node.status is JobStatus.RUNNING:
            chosen = results.get(sum(map(ord, node.key)) % 31, "success")
            steps.append(_EVENTS[chosen](node.key, node.attempt))
    return steps
