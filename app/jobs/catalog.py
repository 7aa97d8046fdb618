"""Every message there is: typed, frozen, ids and attempt only.

A message is a hint to look at the database. It may come twice, late or never, so it says which row
to look at and nothing about it. Its wire name is `noun.verb`; the worker has one actor for each.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self, get_args

Priority = Literal["high", "medium", "low", "control"]
"""`control` is for short messages that move the engine on: every worker process takes them, in
threads of their own, so that they never wait behind jobs that run for hours."""
PRIORITIES: tuple[Priority, ...] = get_args(Priority)


class InvalidMessage(ValueError):
    """A message body that does not fit its type: no repetition will make it right."""


@dataclass(frozen=True, slots=True)
class Message:
    """Base of all messages.

    `wire` is the name on the queue, `priority` the queue it takes unless the caller names one.
    """

    wire: ClassVar[str]
    priority: ClassVar[Priority]

    def body(self) -> dict[str, Any]:
        """The fields as JSON values; ids as text."""
        return {field.name: _to_json(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """The message that `body` was made from.

        Raises: InvalidMessage when a field is missing, unknown or of another type.
        """
        types = {field.name: field.type for field in fields(cls)}
        if body.keys() != types.keys():
            raise InvalidMessage(f"{cls.wire} has fields {sorted(types)}, got {sorted(body)}")
        return cls(**{name: _from_json(cls, name, types[name], body[name]) for name in types})


def _to_json(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


def _from_json(cls: type[Message], name: str, kind: Any, value: Any) -> Any:
    try:
        if kind is uuid.UUID:
            return uuid.UUID(value)
        if type(value) is kind:
            return value
    except (ValueError, TypeError, AttributeError):
        pass
    raise InvalidMessage(f"{cls.wire}: {name} should be {kind.__name__}, got {value!r}")


@dataclass(frozen=True, slots=True)
class RunJob(Message):
    """Claim and run this attempt of a job. Goes to the queue of its priority and labels."""

    wire = "job.run"
    priority = "high"

    job_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class PassGate(Message):
    """Look whether this attempt may pass its gate: its environment, its concurrency group."""

    wire = "gate.pass"
    priority = "control"

    job_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class PassExecution(Message):
    """Look whether this attempt of an execution that needs approval has it and may start."""

    wire = "execution.pass"
    priority = "control"

    execution_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class ReleaseGroups(Message):
    """This execution, or one of its jobs, ended: free its concurrency groups, admit the next."""

    wire = "group.release"
    priority = "control"

    execution_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class CancelExecution(Message):
    """A newcomer of its concurrency group cancels this execution (`cancel-in-progress`)."""

    wire = "execution.cancel"
    priority = "control"

    execution_id: uuid.UUID
    by_execution_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class SyncPipelines(Message):
    """A webhook delivery was recorded: read the pipeline files, start what it matches.
    Each redelivery is another attempt."""

    wire = "pipeline.sync"
    priority = "high"

    delivery_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class InstallHook(Message):
    """A repository with a credential is new, or its secret is: the forge gets its webhook."""

    wire = "hook.install"
    priority = "medium"

    repository_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class RemoveHook(Message):
    """The repository of a webhook is gone, or is another one now: remove it from the forge."""

    wire = "hook.remove"
    priority = "medium"

    removal_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class ReportStatus(Message):
    """An execution of a repository changed: tell the forge its state."""

    wire = "status.report"
    priority = "medium"

    execution_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class FollowRun(Message):
    """This attempt of an execution ended: start the pipelines that wait for it (`workflow_run`)."""

    wire = "execution.follow"
    priority = "control"

    execution_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class MergeLogs(Message):
    """This attempt has ended and left many small log chunks: merge them."""

    wire = "log.merge"
    priority = "low"

    job_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class CleanUpArtifacts(Message):
    """Remove what has expired, what nobody uses and contents that nothing names."""

    wire = "artifact.clean"
    priority = "low"


@dataclass(frozen=True, slots=True)
class RunPeriodic(Message):
    """Do this run of some periodic work. Goes to the queue of the work's priority."""

    wire = "periodic.run"
    priority = "low"

    run_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class StartFires(Message):
    """Schedules have fired: start the executions of this batch of fires."""

    wire = "schedule.start"
    priority = "medium"

    batch_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class CancelOverlapped(Message):
    """A newer run of its schedule cancels this execution (overlap policy)."""

    wire = "schedule.cancel"
    priority = "control"

    execution_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class SyncSchedules(Message):
    """Another version of this pipeline is current: take its schedules from it."""

    wire = "schedule.sync"
    priority = "control"

    pipeline_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class NotifyEnded(Message):
    """This attempt of an execution has ended, and somebody may want to hear of it."""

    wire = "execution.notify"
    priority = "medium"

    execution_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class NotifyApproval(Message):
    """This attempt of a job waits for approval, and somebody may want to hear of it."""

    wire = "approval.notify"
    priority = "medium"

    job_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class NotifyHeld(Message):
    """This attempt of an execution waits for approval, and somebody may want to hear of it."""

    wire = "execution.held"
    priority = "medium"

    execution_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class DeliverNotification(Message):
    """Try to send this notification."""

    wire = "notification.deliver"
    priority = "medium"

    delivery_id: uuid.UUID


MESSAGES: tuple[type[Message], ...] = (
    RunPeriodic,
    RunJob,
    PassGate,
    PassExecution,
    ReleaseGroups,
    CancelExecution,
    SyncPipelines,
    InstallHook,
    RemoveHook,
    ReportStatus,
    FollowRun,
    MergeLogs,
    CleanUpArtifacts,
    NotifyEnded,
    NotifyApproval,
    NotifyHeld,
    DeliverNotification,
    StartFires,
    CancelOverlapped,
    SyncSchedules,
)
BY_WIRE: Mapping[str, type[Message]] = {message.wire: message for message in MESSAGES}


def priority_of(text: str) -> Priority:
    """The priority that `text` names.

    Raises: ValueError when there is none of that name.
    """
    if text not in PRIORITIES:
        raise ValueError(f"priority {text!r} is none of {', '.join(PRIORITIES)}")
    return text
