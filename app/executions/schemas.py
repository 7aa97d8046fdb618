"""What the API takes and gives about executions."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from app.core.schemas import Input, Output
from app.engine.states import ExecutionStatus, JobStatus, StepStatus

Ref = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^refs/[^\x00-\x20\x7f~^:?*\\\[]+$"),
]
Sha = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Event = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[a-z_]+$")]


Inputs = dict[str, str | bool | int | float | None]


class ExecutionCreate(Input):
    """A trigger. Inputs are checked against those that the pipeline declares."""

    inputs: Inputs = Field(
        default={},
        max_length=100,
        description="Values of the pipeline's `workflow_dispatch` inputs",
        examples=[{"environment": "staging", "dry-run": True}],
    )
    ref: Ref | None = Field(
        default=None, description="Full ref that runs", examples=["refs/heads/main"]
    )
    sha: Sha | None = Field(default=None, description="Commit that runs")
    version: int | None = Field(
        default=None, ge=1, lt=2**31, description="Pipeline version; null: the current one"
    )


class Rerun(Input):
    """Which jobs run again, together with all that need them."""

    jobs: Literal["all", "failed"] = Field(
        default="failed", description="`failed`: failed, cancelled and timed-out jobs"
    )
    key: str | None = Field(
        default=None, max_length=255, description="Key of one job; overrides `jobs`"
    )
    inputs: Inputs | None = Field(
        default=None,
        max_length=100,
        description="Inputs that change, only with `jobs` `all`; others keep their values, null "
        "takes the default",
        examples=[{"environment": "production"}],
    )


class Accepted(Output):
    """An execution that will run; `Location` names it."""

    id: uuid.UUID = Field(description="Id of the execution")
    number: int = Field(description="Its number in the pipeline")
    attempt: int = Field(description="Counts re-runs, from 1")


class StepRead(Output):
    """One try of a step."""

    id: uuid.UUID = Field(description="Id of this try")
    index: int = Field(description="Place in the job, from 0")
    try_number: int = Field(description="Counts `retry` of the step, from 1")
    step_id: str | None = Field(description="`id` in the file")
    name: str = Field(description="Name, or what it runs")
    status: StepStatus = Field(description="State of the step")
    outcome: str | None = Field(description="Result before `continue-on-error`")
    conclusion: str | None = Field(description="Result after `continue-on-error`")
    reason: str | None = Field(description="Why it was skipped, cancelled or failed")
    exit_code: int | None = Field(description="Of its process; negative: the signal")
    outputs: dict[str, str] = Field(description="What it wrote to GITHUB_OUTPUT")
    summary: str | None = Field(description="Markdown that it wrote to GITHUB_STEP_SUMMARY")
    started_at: datetime | None = Field(description="When its process started")
    finished_at: datetime | None = Field(description="When it ended")
    lines: int | None = Field(description="Lines of its log, once it ended")
    bytes: int | None = Field(description="Bytes of its log as `.txt` serves it")
    sha256: str | None = Field(description="Digest of exactly those bytes")
    complete: bool | None = Field(description="Whether every line is stored")


class AttemptRead(Output):
    """An earlier attempt of a job."""

    attempt: int = Field(description="Counts from 1")
    status: str = Field(description="How it ended, or what it was when it was replaced")
    reason: str | None = Field(description="Why")
    outputs: dict[str, str] = Field(description="Its outputs")
    started_at: datetime | None = Field(description="When a worker claimed it")
    finished_at: datetime | None = Field(description="When it ended")


class JobRead(Output):
    """A job of an execution: the current attempt."""

    id: uuid.UUID = Field(description="Id, the same over all attempts")
    key: str = Field(description="Unique in the execution: `build`, `test[0]`, `call/inner`")
    job_id: str = Field(description="Id in the file")
    name: str = Field(description="Name with matrix values")
    kind: Literal["job", "matrix", "call"] = Field(
        description="`matrix` and `call` stand for the jobs that they expand into"
    )
    parent: str | None = Field(description="Key of the job that it belongs to")
    needs: list[str] = Field(description="Job ids that must end first")
    matrix: dict[str, Any] | None = Field(description="Its combination")
    status: JobStatus = Field(description="State of the current attempt")
    reason: str | None = Field(description="Why it waits, was skipped, cancelled or failed")
    attempt: int = Field(description="Counts from 1")
    outputs: dict[str, str] = Field(description="Its outputs")
    labels: list[str] = Field(description="Labels that a worker must have")
    environment: str | None = Field(description="Environment that it deploys to")
    environment_url: str | None = Field(description="URL of what it deployed")
    worker_id: uuid.UUID | None = Field(description="Worker process that claimed it last")
    queued_at: datetime | None = Field(description="When it began to wait or was queued")
    started_at: datetime | None = Field(description="When a worker claimed it")
    finished_at: datetime | None = Field(description="When it ended")
    annotations: list[dict[str, Any]] = Field(description="Errors, warnings, notices of its steps")


class JobDetail(JobRead):
    """A job with its steps and earlier attempts."""

    why: str | None = Field(description="What it waits for now, if it is queued or waiting")
    steps: list[StepRead] = Field(description="Steps of the current attempt, in order")
    attempts: list[AttemptRead] = Field(description="Earlier attempts, oldest first")


class ExecutionRead(Output):
    """One run of a pipeline."""

    id: uuid.UUID = Field(description="Id")
    project_id: uuid.UUID = Field(description="Project")
    pipeline_id: uuid.UUID = Field(description="Pipeline")
    number: int = Field(description="Counts executions of the pipeline, from 1")
    attempt: int = Field(description="Counts re-runs, from 1")
    status: ExecutionStatus = Field(description="State")
    reason: str | None = Field(description="Why it waits or ended so")
    title: str = Field(description="`run-name`, or the pipeline's name")
    event: str = Field(description="What started it", examples=["workflow_dispatch"])
    ref: str | None = Field(description="Full ref")
    sha: str | None = Field(description="Commit")
    inputs: dict[str, Any] = Field(description="Typed inputs")
    actor: str = Field(description="Who started it")
    priority: Literal["high", "medium", "low"] = Field(description="Queue of its jobs")
    cancel_requested: bool = Field(description="Whether somebody cancels it")
    trusted: bool = Field(
        description="Whether its jobs get secrets: those of pull requests from forks do not"
    )
    seq: int = Field(description="Number of its last event")
    created_at: datetime = Field(description="When it was triggered")
    started_at: datetime | None = Field(description="When its first job was claimed")
    finished_at: datetime | None = Field(description="When it ended")


class ExecutionAttemptRead(Output):
    """An attempt of an execution that another one has replaced."""

    attempt: int = Field(description="Counts from 1")
    status: ExecutionStatus = Field(description="How it ended")
    reason: str | None = Field(description="Why it ended so")
    title: str = Field(description="`run-name` with its inputs, or the pipeline's name")
    inputs: dict[str, Any] = Field(description="The typed inputs that it was run with")
    actor: str = Field(description="Who asked for it")
    finished_at: datetime | None = Field(description="When it ended")


class ExecutionDetail(ExecutionRead):
    """An execution with its jobs and their steps."""

    version: int = Field(description="Pipeline version that it runs")
    attempts: list[ExecutionAttemptRead] = Field(description="Earlier attempts, oldest first")
    jobs: list[JobDetail] = Field(description="Jobs in order of the file")


class EventRead(Output):
    """One entry of the history."""

    seq: int = Field(description="Counts from 1 without gaps")
    type: str = Field(description="`execution.changed` or `job.changed`")
    cause: str = Field(description="What the engine was told")
    at: datetime = Field(description="When")
    data: dict[str, Any] = Field(description="The same as the live event holds")
