"""The events: what changed, for whom. REST, sockets and the AsyncAPI document share these models.

What is stored in `execution_events` is an event's `type`, `seq`, `at` and `data()`; a replay from
the database must give the same envelope as the live event did.
"""

import json
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.clock import utcnow
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.events import topics

MAX_BODY = 32 * 1024
"""Bytes of log text that travel in an event; more is announced as a range."""


class Event(BaseModel):
    """Base of all events. `seq` is the durable number in the event's replayable topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: ClassVar[str]

    seq: int | None = Field(None, exclude=True, ge=1)
    at: datetime = Field(default_factory=utcnow, exclude=True)

    def topics(self) -> tuple[str, ...]:
        """Where this event goes."""
        raise NotImplementedError

    def data(self) -> dict[str, Any]:
        """The `data` of the envelope, as JSON values."""
        return self.model_dump(mode="json")

    @property
    def stream(self) -> str:
        """What `seq` counts in, inside the topic."""
        return ""

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last number that this event covers in its stream; None: not numbered."""
        return None if self.seq is None else (self.seq, self.seq)


class ExecutionChanged(Event):
    """An execution has a new status."""

    type: ClassVar[str] = "execution.changed"

    execution_id: UUID
    pipeline_id: UUID
    project_id: UUID
    number: int = Field(description="Number of the execution in its pipeline")
    attempt: int = Field(1, description="Counts re-runs from 1")
    status: ExecutionStatus
    old: ExecutionStatus | None = Field(None, description="The status before")
    reason: str | None = None

    def topics(self) -> tuple[str, ...]:
        return (
            topics.execution(self.execution_id),
            topics.pipeline(self.pipeline_id),
            topics.project(self.project_id),
            topics.SYSTEM,
        )


class JobChanged(Event):
    """A job has a new status, or a new attempt."""

    type: ClassVar[str] = "job.changed"

    execution_id: UUID
    job_id: UUID
    key: str = Field(description="Unique in the execution: `build`, `test[0]`")
    name: str
    attempt: int
    status: JobStatus
    old: JobStatus | None = Field(None, description="The status before")
    reason: str | None = None

    def topics(self) -> tuple[str, ...]:
        return (topics.execution(self.execution_id),)


class StepChanged(Event):
    """The whole state of one step attempt; a later one replaces an earlier one.

    Without `seq` it is state and not history: after a gap the hub sends the rows of the database.
    """

    type: ClassVar[str] = "step.changed"

    execution_id: UUID
    job_id: UUID
    step_id: UUID = Field(description="Id of this attempt of the step")
    index: int
    attempt: int = Field(description="Attempt of the job")
    try_number: int = Field(1, description="Try of the step within that attempt")
    name: str
    status: StepStatus
    outcome: StepStatus | None = None
    conclusion: StepStatus | None = None
    exit_code: int | None = None
    reason: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lines: int | None = Field(None, description="Lines of its log, once it ended")
    complete: bool | None = Field(None, description="Whether every line of its log is stored")

    def topics(self) -> tuple[str, ...]:
        return (topics.execution(self.execution_id), topics.job_log(self.job_id))


class LogWritten(Event):
    """Consecutive lines of one step attempt, stored before they are announced.

    `text` has a newline after every numbered line; None when it is over 32 KiB: then the lines are
    read from the database, once per process.
    """

    type: ClassVar[str] = "log.lines"

    job_id: UUID
    step_id: UUID = Field(description="Id of this attempt of the step")
    index: int = Field(description="Index of the step in its job")
    attempt: int = Field(description="Attempt of the job")
    first_line: int
    line_count: int
    text: str | None = None
    times: list[tuple[int, int]] = Field(
        default_factory=list,
        description="Runs of (number of lines, time they were read in ms since 1970)",
    )
    continued: list[int] = Field(
        default_factory=list,
        description="Lines (from 0, in this event) that go on in the next one",
    )

    def topics(self) -> tuple[str, ...]:
        return (topics.job_log(self.job_id),)

    @property
    def stream(self) -> str:
        return str(self.step_id)

    @property
    def span(self) -> tuple[int, int] | None:
        return (self.first_line, self.first_line + self.line_count - 1)


class UserNotified(Event):
    """Something that a person wants to know; stored, numbered per person."""

    type: ClassVar[str] = "user.notified"

    user_id: UUID
    kind: str = Field(description="`execution.finished`, `approval.wanted`, …")
    title: str
    link: str | None = Field(None, description="Path of the page that shows it")
    execution_id: UUID | None = None

    def topics(self) -> tuple[str, ...]:
        return (topics.user(self.user_id),)


class SystemSampled(Event):
    """Fresh metrics of the whole system."""

    type: ClassVar[str] = "system.metrics"

    metrics: dict[str, Any]

    def topics(self) -> tuple[str, ...]:
        return (topics.SYSTEM,)


class CancelWanted(Event):
    """To the worker that holds this claim: cancel the job. Lost ones are learnt at renewal."""

    type: ClassVar[str] = "control.cancel"

    job_id: UUID
    token: UUID = Field(description="The claim token")
    level: Literal[1, 2] = Field(1, description="1 cancel, 2 kill at once")
    reason: str | None = None

    def topics(self) -> tuple[str, ...]:
        return (topics.CANCELS,)


class TagsBumped(Event):
    """Cache entries with these tags are old: forget the process-local copies."""

    type: ClassVar[str] = "control.tags"

    tags: list[str]
    origin: UUID | None = Field(None, description="The process that bumped them")

    def topics(self) -> tuple[str, ...]:
        return (topics.TAGS,)


class RightsChanged(Event):
    """What these people may see has changed; None: anybody's rights may have."""

    type: ClassVar[str] = "control.rights"

    user_ids: list[UUID] | None = None

    def topics(self) -> tuple[str, ...]:
        return (topics.RIGHTS,)


def envelope(topic: str, *, kind: str, seq: int | None, at: datetime, data: str) -> bytes:
    """What a client gets; `data` is JSON text already."""
    stamp = at.isoformat().replace("+00:00", "Z")
    number = "null" if seq is None else str(seq)
    head = f'{{"type":{json.dumps(kind)},"topic":{json.dumps(topic)},"seq":{number},"at":"{stamp}"'
    return f'{head},"data":{data}}}'.encode()
