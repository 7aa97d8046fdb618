"""The states of executions, jobs and steps: the only list of them, and what each means."""

from enum import StrEnum


class ExecutionStatus(StrEnum):
    """`queued`: nothing ran yet; `waiting`: only approvals, groups or delays hold it back."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class JobStatus(StrEnum):
    """`blocked`: needs are not done; `waiting`: a rule holds it; `queued`: any worker may claim."""

    BLOCKED = "blocked"
    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"


class StepStatus(StrEnum):
    """A step is `success` only after its own process ended with 0."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"


TERMINAL_EXECUTION = frozenset(
    {
        ExecutionStatus.SUCCESS,
        ExecutionStatus.FAILURE,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.TIMED_OUT,
    }
)
TERMINAL_JOB = frozenset(
    {
        JobStatus.SUCCESS,
        JobStatus.FAILURE,
        JobStatus.CANCELLED,
        JobStatus.TIMED_OUT,
        JobStatus.SKIPPED,
    }
)
TERMINAL_STEP = frozenset(
    {
        StepStatus.SUCCESS,
        StepStatus.FAILURE,
        StepStatus.CANCELLED,
        StepStatus.TIMED_OUT,
        StepStatus.SKIPPED,
    }
)
