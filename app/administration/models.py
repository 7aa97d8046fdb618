"""Worker processes, periodic work, and how long executions are kept."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json


class Worker(Base):
    """One worker process; `id` is its boot id, new per start. Leases never depend on this row.

    `drain_wanted` and `tools_wanted` are wishes that the process hears at its next sign of life;
    `draining` and `tools` are its answers.
    """

    __tablename__ = "workers"
    __table_args__ = (Index(None, "seen_at"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(String(50))
    queues: Mapped[list[str]] = mapped_column(Json)
    labels: Mapped[list[str]] = mapped_column(Json)
    concurrency: Mapped[int]
    isolation: Mapped[str] = mapped_column(String(50))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    drain_wanted: Mapped[bool] = mapped_column(default=False, server_default=false())
    draining: Mapped[bool] = mapped_column(default=False, server_default=false())
    tools_wanted: Mapped[bool] = mapped_column(default=False, server_default=false())
    tools: Mapped[dict[str, Any] | None] = mapped_column(Json)
    tools_at: Mapped[datetime | None]


class RunStatus(StrEnum):
    """`ordered`: no worker has taken it yet."""

    ORDERED = "ordered"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"


class PeriodicWork(Base):
    """Something that is done again and again. `last_run_id` is the newest of its runs."""

    __tablename__ = "periodic_work"
    __table_args__ = (Index(None, "next_run_at"), TABLE_OPTIONS)

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    every_s: Mapped[int]
    next_run_at: Mapped[datetime]
    last_run_id: Mapped[uuid.UUID | None]


class PeriodicRun(Base):
    """One time that it was done. `asked_by`: who wanted it now; None: its time had come."""

    __tablename__ = "periodic_runs"
    __table_args__ = (Index(None, "name", "id"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    asked_by: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[RunStatus] = mapped_column(Enumerated(RunStatus))
    reason: Mapped[str | None] = mapped_column(String(2000))
    result: Mapped[dict[str, Any]] = mapped_column(Json)
    ordered_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RetentionRule(Base):
    """How long executions of a project are kept; `pipeline_id`: those of one pipeline of it.

    An execution goes when it ended more than `days` ago or when more than `count` newer ones of
    its pipeline have ended; None: no such limit. `scope_id` is the pipeline's id, else the
    project's.
    """

    __tablename__ = "retention_rules"
    __table_args__ = (UniqueConstraint("scope_id"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    scope_id: Mapped[uuid.UUID]
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    pipeline_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("pipelines.id", ondelete="CASCADE")
    )
    days: Mapped[int | None]
    count: Mapped[int | None]
    keep_last_success: Mapped[bool]
    updated_at: Mapped[datetime]
