"""What a runner is given and whom it tells: the only things it knows of the world outside.

The worker implements these over the database; the tests and `ansflow run` may use their own.
Nothing here knows of SQL, queues or sockets.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID

from app.engine.definition import Definition, Job
from app.engine.states import JobStatus, StepStatus
from workers.runner.credentials import JobCredentials
from workers.runner.storage import JobStorage

MAX_NAME = 500
MAX_REASON = 2000
MAX_URL = 2000
MAX_ANNOTATION = 4000
"""The most characters that these texts have when they leave the runner; longer ones end in `…`."""

Level = Literal["notice", "warning", "error"]


class Replaced(Exception):
    """The claim was lost: another attempt owns this job. Kill, write nothing more, stop."""


class Unavailable(Exception):
    """The store cannot be reached now; the same call may be made again, with the same result."""


@dataclass(frozen=True, slots=True)
class PreviousAttempt:
    """What an earlier attempt of this job left: for retries and re-runs."""

    attempt: int
    status: JobStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Calling:
    """A job that calls the workflow which the assignment is inside of; `contexts` are its own."""

    job: Job
    contexts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One claimed attempt of one job, with everything that is needed to run it.

    `definition` is the file the job comes from. `contexts` holds plain values for `github`,
    `inputs`, `vars`, `needs`, `matrix` and `strategy`. `secrets` are those of the
    project; inside a called workflow `secrets.*` shows what the `calls`, outermost first, pass on.
    `timeout_s` is the time for all steps together, in seconds. `workdir` None means a fresh, empty
    workspace; a path makes `checkout` of the repository itself take that directory as it stands.
    `repository_url` is what `checkout` clones when it is given no other repository.
    `first_step_attempt` is the number that the steps' attempts start from: attempts of a step
    count over all attempts of the job, so that no log is written twice under the same key.
    `unusable` says why the job cannot run: it fails with that, whatever its steps are.
    `storage` keeps artifacts, caches and test reports; None where there is no place for them.
    `credentials` are those of the project, for actions that take them by name.
    """

    execution_id: UUID
    job_id: UUID
    attempt: int
    token: bytes
    key: str
    name: str
    number: int
    definition: Definition
    job: Job
    contexts: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    calls: Sequence[Calling] = ()
    timeout_s: float = 21600.0
    environment: str | None = None
    keep_workspace: bool = False
    workdir: Path | None = None
    repository_url: str | None = None
    cancel_requested: bool = False
    previous: PreviousAttempt | None = None
    first_step_attempt: int = 1
    debug: bool = False
    unusable: str | None = None
    storage: JobStorage | None = None
    credentials: JobCredentials | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """An `::error::`, `::warning::` or `::notice::` of a step, already masked.

    `step_index` -1 means the job itself: something the runner found.
    """

    step_index: int
    level: Level
    message: str
    title: str | None = None
    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class StepUpdate:
    """The whole state of one step attempt, as it is now; a later update replaces an earlier one.

    `outcome` is the result before `continue-on-error`, `conclusion` the one after it. `lines`,
    `bytes` and `sha256` (hex) describe the log text exactly as it is served; `complete` is True
    once every line is stored. Post steps of actions have an index after the last step of the file.
    """

    index: int
    attempt: int
    name: str
    status: StepStatus
    outcome: StepStatus | None = None
    conclusion: StepStatus | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str | None = None
    lines: int = 0
    bytes: int = 0
    sha256: str | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class JobResult:
    """How the job ended. `status` is terminal; `reason` says why in a sentence."""

    status: JobStatus
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    environment_url: str | None = None
    annotations: Sequence[Annotation] = ()
    handed_back: bool = False
    """True: the worker shut down before the job could end; it is to be queued again."""
    lost: bool = False
    """True: the guard killed the processes while this worker hung, or the worker's own code failed;
    as if the worker was lost."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive lines of one step attempt, as they are stored.

    `data` and `times` are made and read by `app.core.log_chunks`. `number` counts the chunks of a
    step attempt from 1, `first_line` the lines from 1. `raw_bytes` is the length of the text as it
    is served. `digest` names the content: writing the same chunk again is success.
    """

    step_index: int
    step_attempt: int
    number: int
    first_line: int
    line_count: int
    data: bytes
    raw_bytes: int
    digest: bytes
    times: bytes


class Reporter(Protocol):
    """Where the states of steps and the result go. Every call is durable when it returns."""

    async def steps_changed(self, updates: Sequence[StepUpdate]) -> None:
        """Store these states, in order.

        Raises:
            Replaced: the claim was lost.
            Unavailable: nothing was stored, or it is not known whether it was; call again.
        """
        ...

    async def finish(self, result: JobResult, updates: Sequence[StepUpdate] = ()) -> None:
        """Store these last states and the end of the job, at once, and give up the claim.

        Raises:
            Replaced: the claim was lost.
            Unavailable: nothing was stored, or it is not known whether it was; call again.
        """
        ...


class LogStore(Protocol):
    """Where log chunks go. A chunk is durable when `write` returns."""

    async def write(self, chunks: Sequence[Chunk]) -> None:
        """Store these chunks, in order, in one transaction; then tell the followers.

        Raises:
            Replaced: the claim was lost.
            Unavailable: nothing was stored, or it is not known whether it was; call again.
        """
        ...


class CancelSignal:
    """How a running job hears that it shall end.

    The first `request` cancels: TERM, grace, `always()` steps. `force` (a second cancel) goes to
    KILL and runs nothing more. `hand_back` is a worker that shuts down: like `force`, but the job
    is to be queued again. Belongs to the event loop of the runner; other threads go through
    `loop.call_soon_threadsafe`.
    """

    __slots__ = ("_event", "forced", "handing_back", "reason", "requested")

    def __init__(self) -> None:
        self.requested = False
        self.forced = False
        self.handing_back = False
        self.reason: str | None = None
        self._event = asyncio.Event()

    def request(self, reason: str | None = None) -> None:
        """Ask once more: the first call cancels, the second one forces."""
        self.forced = self.requested
        self.requested = True
        self.reason = self.reason or reason
        self._wake()

    def force(self, reason: str | None = None) -> None:
        """Kill at once and run nothing more."""
        self.requested = self.forced = True
        self.reason = self.reason or reason
        self._wake()

    def hand_back(self) -> None:
        """Kill at once; the job is to be queued again."""
        self.handing_back = True
        self.force("The worker shuts down.")

    async def wait(self) -> None:
        """Return at the next call of `request`, `force` or `hand_back` after now."""
        await self._event.wait()

    def _wake(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()
