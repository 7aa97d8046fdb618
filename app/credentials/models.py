"""Environments of projects."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated, Json
from app.projects.models import Role


class Environment(Base):
    """Where jobs deploy to, and what must be true before one may: `environment:` names it.

    `folded` is the name without case: jobs find it by that. `approver_ids` are user ids as text;
    besides them everybody with `approver_role` or a higher one approves, unless it is None.
    `allowed_branches` are patterns as in `on.push.branches`; none: every ref.
    """

    __tablename__ = "environments"
    __table_args__ = (UniqueConstraint("project_id", "folded"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    folded: Mapped[str] = mapped_column(String(600))
    description: Mapped[str] = mapped_column(String(2000), default="")
    url: Mapped[str | None] = mapped_column(String(2000))
    required_approvals: Mapped[int] = mapped_column(default=0)
    approver_ids: Mapped[list[str]] = mapped_column(Json)
    approver_role: Mapped[Role | None] = mapped_column(Enumerated(Role))
    prevent_self_approval: Mapped[bool] = mapped_column(default=False)
    wait_minutes: Mapped[int] = mapped_column(default=0)
    allowed_branches: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
