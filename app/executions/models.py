"""Executions, jobs, steps, events: the state that only the engine moves."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json, MediumText
from app.engine.states import ExecutionStatus, JobStatus, StepStatus


class Execution(Base):
    """One run of a pipeline version. `seq` is the number of its last event, `rerun_by` the user who
    asked for the present attempt, if that is not the first.

    `github` is the `github` context as it was at the trigger, with the event's payload, but says
    who asked for the present attempt and with which inputs; `vars` are the variables of then: a
    re-run sees the same. `repository_id` is the repository whose event started it, if any. Jobs of
    an execution that is not `trusted` get no secrets. While it `needs_approval`, nothing of it
    runs, in no attempt: see `app.approvals.service.forks`.
    """

    __tablename__ = "executions"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "number"),
        Index(None, "project_id", "id"),
        Index(None, "pipeline_id", "id"),
        Index(None, "pipeline_id", "status", "id"),
        Index(None, "status", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    version_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pipeline_versions.id", ondelete="CASCADE")
    )
    number: Mapped[int]
    attempt: Mapped[int] = mapped_column(default=1)
    status: Mapped[ExecutionStatus] = mapped_column(Enumerated(ExecutionStatus))
    reason: Mapped[str | None] = mapped_column(String(2000))
    title: Mapped[str] = mapped_column(String(500))
    event: Mapped[str] = mapped_column(String(50))
    ref: Mapped[str | None] = mapped_column(String(500))
    sha: Mapped[str | None] = mapped_column(String(64))
    github: Mapped[dict[str, Any]] = mapped_column(Json)
    vars: Mapped[dict[str, Any]] = mapped_column(Json)
    inputs: Mapped[dict[str, Any]] = mapped_column(Json)
    triggered_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL")
    )
    actor: Mapped[str] = mapped_column(String(100))
    rerun_by: Mapped[uuid.UUID | None]
    priority: Mapped[str] = mapped_column(String(10))
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    concurrency_group: Mapped[str | None] = mapped_column(String(255))
    cancel_in_progress: Mapped[bool] = mapped_column(default=False)
    workdir: Mapped[str | None] = mapped_column(String(4096))
    repository_id: Mapped[uuid.UUID | None]
    trusted: Mapped[bool] = mapped_column(default=True)
    needs_approval: Mapped[bool] = mapped_column(default=False)
    seq: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    jobs: Mapped[list["Job"]] = relationship(
        back_populates="execution", lazy="raise", order_by="Job.position", passive_deletes=True
    )


class Job(Base):
    """A node of the graph: see `app.engine.machine.types.Node` for the meaning of its fields.

    The row shows the current attempt; earlier ones are in `job_attempts`. `claim_token` is set
    while a worker holds the job; `lease_until` is in the database's time. `cancel_level`: 0 no,
    1 cancel, 2 kill at once. `sweep_after` is when the sweep may look at a queued job again.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("execution_id", "key"),
        Index(None, "status", "lease_until"),
        Index(None, "status", "sweep_after"),
        Index(None, "claim_token"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    position: Mapped[int]
    key: Mapped[str] = mapped_column(String(255))
    job_id: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(500))
    kind: Mapped[str] = mapped_column(String(10))
    parent: Mapped[str | None] = mapped_column(String(255))
    path: Mapped[list[str]] = mapped_column(Json)
    needs: Mapped[list[str]] = mapped_column(Json)
    matrix: Mapped[dict[str, Any] | None] = mapped_column(Json)
    matrix_index: Mapped[int] = mapped_column(default=0)
    matrix_total: Mapped[int] = mapped_column(default=1)
    status: Mapped[JobStatus] = mapped_column(Enumerated(JobStatus))
    reason: Mapped[str | None] = mapped_column(String(2000))
    attempt: Mapped[int] = mapped_column(default=1)
    lost: Mapped[int] = mapped_column(default=0)
    outputs: Mapped[dict[str, str]] = mapped_column(Json)
    labels: Mapped[list[str]] = mapped_column(Json)
    environment: Mapped[str | None] = mapped_column(String(255))
    environment_url: Mapped[str | None] = mapped_column(String(2000))
    concurrency_group: Mapped[str | None] = mapped_column(String(255))
    options: Mapped[dict[str, Any]] = mapped_column(Json)
    timeout_s: Mapped[float]
    inputs: Mapped[dict[str, Any]] = mapped_column(Json)
    gated: Mapped[bool] = mapped_column(default=False)
    not_before: Mapped[datetime | None]
    queue: Mapped[str | None] = mapped_column(String(128))
    queued_at: Mapped[datetime | None]
    sweep_after: Mapped[datetime | None]
    claim_token: Mapped[uuid.UUID | None]
    worker_id: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    cancel_level: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    annotations: Mapped[list[Any]] = mapped_column(Json)
    execution: Mapped[Execution] = relationship(back_populates="jobs", lazy="raise")


class ExecutionAttempt(Base):
    """An attempt that a re-run has replaced, and what it was run with; never changed once written.
    `actor` is who asked for it."""

    __tablename__ = "execution_attempts"
    __table_args__ = TABLE_OPTIONS

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(2000))
    title: Mapped[str] = mapped_column(String(500))
    inputs: Mapped[dict[str, Any]] = mapped_column(Json)
    actor: Mapped[str] = mapped_column(String(100))
    finished_at: Mapped[datetime | None]


class JobAttempt(Base):
    """An attempt that another one has replaced; never changed once written."""

    __tablename__ = "job_attempts"
    __table_args__ = TABLE_OPTIONS

    job_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(2000))
    outputs: Mapped[dict[str, str]] = mapped_column(Json)
    worker_id: Mapped[uuid.UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Step(Base):
    """One try of one step of one job attempt; first tries are written at the claim.

    `lines`, `bytes`, `sha256` and `complete` describe its log once it ended: the digest is of
    exactly the bytes that `.txt` serves.
    """

    __tablename__ = "steps"
    __table_args__ = (
        UniqueConstraint("job_id", "attempt", "index", "try_number"),
        Index(None, "execution_id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    index: Mapped[int]
    try_number: Mapped[int] = mapped_column(default=1)
    step_id: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(500))
    status: Mapped[StepStatus] = mapped_column(Enumerated(StepStatus))
    outcome: Mapped[str | None] = mapped_column(String(32))
    conclusion: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(2000))
    exit_code: Mapped[int | None]
    outputs: Mapped[dict[str, str]] = mapped_column(Json)
    summary: Mapped[str | None] = mapped_column(MediumText)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    lines: Mapped[int | None] = mapped_column(BigInteger)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    complete: Mapped[bool | None]


class ExecutionEvent(Base):
    """Append-only history: `seq` counts from 1 in its execution without gaps.

    `type` and `data` are those of the live event (`app.events`); `cause` is the engine's event.
    """

    __tablename__ = "execution_events"
    __table_args__ = TABLE_OPTIONS

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(64))
    cause: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[uuid.UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime]


class IdempotencyKey(Base):
    """A trigger that was already answered: unique per user, kept for 24 h."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"), TABLE_OPTIONS)

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]


class ConcurrencyGroup(Base):
    """A concurrency group of a project: locked before any execution. `name` is folded."""

    __tablename__ = "concurrency_groups"
    __table_args__ = (UniqueConstraint("project_id", "name"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))


class RunFollower(Base):
    """A pipeline that was started by the end of an attempt of an execution: once, not twice."""

    __tablename__ = "run_followers"
    __table_args__ = TABLE_OPTIONS

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pipeline_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True
    )


class GroupMember(Base):
    """Who holds a group or waits for it, in order of `id`. `job_id` None: the whole execution."""

    __tablename__ = "concurrency_members"
    __table_args__ = (
        Index(None, "group_id", "id"),
        Index(None, "execution_id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    group_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("concurrency_groups.id", ondelete="CASCADE")
    )
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(default=1)
    holds: Mapped[bool] = mapped_column(default=False)


class Report(Base):
    """How the executions of one day, in UTC, went in a project, or in one of its pipelines.

    `id` follows from the day and what it is about (`app.executions.repository.reports`), and is in
    the order of days. Quantiles are in seconds; none: there was nothing to measure.
    """

    __tablename__ = "reports"
    __table_args__ = (
        Index(None, "project_id", "pipeline_id", "id"),
        Index(None, "pipeline_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    pipeline_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("pipelines.id", ondelete="CASCADE")
    )
    day: Mapped[date]
    executions: Mapped[int]
    succeeded: Mapped[int]
    failed: Mapped[int]
    cancelled: Mapped[int]
    duration_p50_s: Mapped[float | None] = mapped_column(Double())
    duration_p95_s: Mapped[float | None] = mapped_column(Double())
    wait_p50_s: Mapped[float | None] = mapped_column(Double())
    wait_p95_s: Mapped[float | None] = mapped_column(Double())
    computed_at: Mapped[datetime]
