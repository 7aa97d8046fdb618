"""Requests for approval and the votes on them."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json


class ApprovalState(StrEnum):
    """What became of a request. Closed: its job ended, or was tried again, without a decision."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CLOSED = "closed"


class Decision(StrEnum):
    """What a person may say."""

    APPROVE = "approve"
    REJECT = "reject"


class ApprovalRequest(Base):
    """One attempt of a job waits at a protected environment, or, without `job_id`, one attempt of
    a whole execution that a fork's pull request started. Written under the execution's lock.

    `environment` is the name as the job writes it, None for an execution; `required` and
    `wait_until` are what the rules said when the request was last looked at, which is due at
    `look_after`. `started_by` are the ids, as text, of the users who started the execution or this
    attempt of it, themselves or by a project token that they made.
    """

    __tablename__ = "approval_requests"
    __table_args__ = (
        UniqueConstraint("job_id", "attempt"),
        Index(None, "execution_id"),
        Index(None, "state", "look_after"),
        Index(None, "project_id", "state", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    environment: Mapped[str | None] = mapped_column(String(255))
    environment_id: Mapped[uuid.UUID | None]
    started_by: Mapped[list[str] | None] = mapped_column(Json)
    required: Mapped[int]
    wait_until: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    look_after: Mapped[datetime | None]
    state: Mapped[ApprovalState] = mapped_column(Enumerated(ApprovalState))
    reason: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class ApprovalVote(Base):
    """What one person said about a request, once and for all. `name` is theirs at that time."""

    __tablename__ = "approval_votes"
    __table_args__ = (Index(None, "user_id"), TABLE_OPTIONS)

    request_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("approval_requests.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(100))
    decision: Mapped[Decision] = mapped_column(Enumerated(Decision))
    comment: Mapped[str] = mapped_column(String(1000))
    created_at: Mapped[datetime]
