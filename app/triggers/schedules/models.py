"""Schedules and what they fired."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json


class Overlap(StrEnum):
    """What a fire does while an execution of the same schedule still runs."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE = "queue"
    CANCEL_RUNNING = "cancel_running"


class CatchUp(StrEnum):
    """What becomes of the fires of a time in which no scheduler ran."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class FireStatus(StrEnum):
    """`pending`: its execution is yet to be started; `refused`: its owner may not start it."""

    PENDING = "pending"
    STARTED = "started"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


class Schedule(Base):
    """When a pipeline runs by itself, with the rights that `owner_id` has at that moment.

    `owner_id` is who made or last changed it. `is_defined`: it stands under `on.schedule` of the
    pipeline's current version and comes and goes with it. `next_fire_at` None: it does not fire.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        Index(None, "next_fire_at"),
        Index(None, "pipeline_id", "id"),
        Index(None, "project_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    description: Mapped[str] = mapped_column(String(2000), default="")
    cron: Mapped[str] = mapped_column(String(255))
    timezone: Mapped[str] = mapped_column(String(64))
    ref: Mapped[str | None] = mapped_column(String(500))
    inputs: Mapped[dict[str, Any]] = mapped_column(Json)
    overlap: Mapped[Overlap] = mapped_column(Enumerated(Overlap))
    catch_up: Mapped[CatchUp] = mapped_column(Enumerated(CatchUp))
    is_enabled: Mapped[bool]
    is_defined: Mapped[bool]
    next_fire_at: Mapped[datetime | None]
    last_fire_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ScheduleFire(Base):
    """One fire of a schedule, recorded exactly once. `due_at`: when a pending one is looked at
    again, should the message with its `batch_id` have been lost."""

    __tablename__ = "schedule_fires"
    __table_args__ = (
        UniqueConstraint("schedule_id", "fire_at"),
        Index(None, "batch_id"),
        Index(None, "execution_id"),
        Index(None, "status", "due_at"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    schedule_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"))
    fire_at: Mapped[datetime]
    status: Mapped[FireStatus] = mapped_column(Enumerated(FireStatus))
    reason: Mapped[str | None] = mapped_column(String(2000))
    execution_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("executions.id", ondelete="SET NULL")
    )
    batch_id: Mapped[uuid.UUID]
    due_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
