"""Where notifications go, which ones, and what became of each."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json
from app.core.sealing import SealedColumns


class ChannelKind(StrEnum):
    """How a channel is reached."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WECOM = "wecom"


class NotificationEvent(StrEnum):
    """What people are told of."""

    FAILED = "failed"
    FIXED = "fixed"
    SUCCEEDED = "succeeded"
    APPROVAL_WANTED = "approval_wanted"
    LONG_RUNNING = "long_running"


class DeliveryState(StrEnum):
    """`pending`: to be tried, perhaps again; `sending`: somebody tries."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class NotificationChannel(SealedColumns, Base):
    """Where notifications of a project go.

    `public` may be read: the recipients of e-mail, the host of a URL, whether it signs. The URL and
    the key are encrypted JSON: whoever knows the URL of a chat can write there. `folded` is the
    name without case.
    """

    __tablename__ = "notification_channels"
    __table_args__ = (
        UniqueConstraint("project_id", "folded"),
        Index(None, "key_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    folded: Mapped[str] = mapped_column(String(600))
    kind: Mapped[ChannelKind] = mapped_column(Enumerated(ChannelKind))
    public: Mapped[dict[str, Any]] = mapped_column(Json)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class NotificationRule(Base):
    """Which events go to a channel. `branches` are patterns as in `on.push.branches`; none: all."""

    __tablename__ = "notification_rules"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "channel_id"),
        Index(None, "pipeline_id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    channel_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("notification_channels.id", ondelete="CASCADE")
    )
    events: Mapped[list[str]] = mapped_column(Json)
    pipeline_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("pipelines.id", ondelete="CASCADE")
    )
    branches: Mapped[list[str]] = mapped_column(Json)
    long_running_minutes: Mapped[int]
    is_enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class NotificationDelivery(Base):
    """One notification by one rule: of an attempt of an execution, or of a job that waits.

    `subject_id` is that execution or job. `lease_until`, in the database's time, is until when
    somebody tries to send it.
    """

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        UniqueConstraint("rule_id", "subject_id", "attempt", "event"),
        Index(None, "project_id", "id"),
        Index(None, "execution_id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    rule_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("notification_rules.id", ondelete="CASCADE")
    )
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    subject_id: Mapped[uuid.UUID]
    attempt: Mapped[int]
    event: Mapped[NotificationEvent] = mapped_column(Enumerated(NotificationEvent))
    state: Mapped[DeliveryState] = mapped_column(Enumerated(DeliveryState))
    tries: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    status: Mapped[int | None]
    result: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
