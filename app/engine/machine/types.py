"""What the machine is told and what it answers: values only.

A *node* is one row of the `jobs` table. Kinds: `job` runs on a worker; `matrix` stands for a job
whose matrix is only known when its needs are done (it expands into `job` nodes); `call` stands for
a job that `uses:` a reusable workflow (it expands into the nodes of the called file). A node that
stands for others runs while they run and ends with their common result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.engine.definition import Retry
from app.engine.states import ExecutionStatus, JobStatus

NodeKind = Literal["job", "matrix", "call"]
Hold = Literal["gate", "max-parallel"]


@dataclass(frozen=True, slots=True)
class Node:
    """A job as the machine sees it.

    `key` is unique in the execution and stable over attempts: `build`, `test[0]`,
    `call/inner[2]`. `path` is the definition it comes from: `()` for the pipeline's own file,
    `("call",)` for the file that the job `call` uses. `needs` are *job ids in the same file and
    parent*; a need on a matrix job means all its nodes. `labels` are lower-case and sorted.
    `attempt` counts from 1 and rises with each try of this node; `lost` counts lost workers.
    `result` is what `needs.<id>.result` shows; with `continue-on-error` a failed node has
    status FAILURE and result "success".
    """

    key: str
    job_id: str
    name: str
    kind: NodeKind = "job"
    parent: str | None = None
    path: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    matrix: Mapping[str, Any] | None = None
    matrix_index: int = 0
    matrix_total: int = 1
    status: JobStatus = JobStatus.BLOCKED
    reason: str | None = None
    attempt: int = 1
    lost: int = 0
    outputs: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    environment: str | None = None
    environment_url: str | None = None
    concurrency_group: str | None = None
    cancel_in_progress: bool = False
    fail_fast: bool = True
    max_parallel: int | None = None
    continue_on_error: bool = False
    timeout_s: float = 21600.0
    retry: Retry = Retry()  # noqa: RUF009 - frozen, so sharing it is safe
    not_before: datetime | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = False
    """True once approval and concurrency let this attempt pass."""
    hold: Hold | None = None
    """What a WAITING node waits for: its `gate` (asked with OpenGate) or a `max-parallel` slot."""
    dropped: bool = False
    """The file makes it no longer, with the inputs or the matrix of now: it stays as a row."""
    retries: int = 0
    """How many tries `retry:` has used up; lost workers, hand-backs and re-runs do not count."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An execution as it stands. `nodes` are in order of creation.

    `contexts` holds `github`, `inputs`, `vars` as plain values. `files` are the parsed
    definitions by call path. `max_worker_lost` is how often a job restarts after its worker died.
    """

    status: ExecutionStatus
    nodes: tuple[Node, ...]
    contexts: Mapping[str, Any]
    files: Mapping[tuple[str, ...], Any]
    reason: str | None = None
    cancel_requested: bool = False
    max_worker_lost: int = 2


@dataclass(frozen=True, slots=True)
class ExecutionStarted:
    """The execution was admitted: evaluate what is ready."""


@dataclass(frozen=True, slots=True)
class JobClaimed:
    """A worker claimed this attempt."""

    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class JobFinished:
    """The claim holder ended this attempt with `status` (terminal) and its outputs."""

    key: str
    attempt: int
    status: JobStatus
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    environment_url: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The lease of this attempt ran out, or its worker reported that its processes are gone."""

    key: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class HandedBack:
    """A worker that shuts down gives this attempt back; it is not counted as lost."""

    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Someone cancels the execution (`key` None) or one job of it.

    `by` becomes the reason as it stands: "cancelled by ann".
    """

    by: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class GateOpened:
    """Approval and concurrency group admitted this node's attempt."""

    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class GateHeld:
    """This node's attempt goes on waiting at its gate, and this is what for."""

    key: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class GateRefused:
    """An approval was rejected or expired, or the group was cancelled by a newcomer."""

    key: str
    attempt: int
    reason: str
    status: JobStatus = JobStatus.FAILURE


@dataclass(frozen=True, slots=True)
class NoWorker:
    """No fitting worker claimed this node for a day."""

    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class RerunRequested:
    """A finished execution runs again: `keys` None means all nodes, else these and what
    depends on them; others keep their results and outputs. With `admitted` False (the execution
    has to wait for its approval or its concurrency group, as `reason` says) nothing is dispatched
    until ExecutionStarted.

    `planned` is for a run with other contexts than before, always of all nodes: the nodes of the
    file as a new plan gives them."""

    keys: frozenset[str] | None = None
    admitted: bool = True
    reason: str | None = None
    planned: tuple[Node, ...] | None = None


Event = (
    ExecutionStarted
    | JobClaimed
    | JobFinished
    | WorkerLost
    | HandedBack
    | CancelRequested
    | GateOpened
    | GateHeld
    | GateRefused
    | NoWorker
    | RerunRequested
)


@dataclass(frozen=True, slots=True)
class Transition:
    """The change of one node (`key`) or of the execution (`key` None), with its cause."""

    key: str | None
    old: str
    new: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Put this attempt on its queue, not before the given time."""

    key: str
    attempt: int
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Ask for what this attempt waits for: approval of its environment, or its group."""

    key: str
    attempt: int
    environment: str | None
    concurrency_group: str | None
    cancel_in_progress: bool


@dataclass(frozen=True, slots=True)
class StopJob:
    """Tell the claim holder of this node to cancel; `force` (a second cancel) means kill now."""

    key: str
    attempt: int
    force: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseGroup:
    """This node no longer holds, or no longer waits for, its concurrency group."""

    key: str
    group: str


Command = Dispatch | OpenGate | StopJob | ReleaseGroup


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of `advance`: the snapshot after it, what changed, what to do.

    `snapshot` equals the old one when the event has no effect (late, doubled, unknown).
    `created` lists keys of nodes that `snapshot` has and the old one had not.
    """

    snapshot: Snapshot
    transitions: tuple[Transition, ...] = ()
    created: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
