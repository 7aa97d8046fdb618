"""The audit trail."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Json


class AuditEntry(Base):
    """One change. Nothing in it refers to another table: it outlives what it tells of.

    `before` and `after` hold the fields that changed, secrets redacted. The id begins with the
    time, so that a range of time is a range of ids.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "user_id", "id"),
        Index(None, "action", "id"),
        Index(None, "target_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    user_id: Mapped[uuid.UUID | None]
    user_name: Mapped[str] = mapped_column(String(100))
    credential: Mapped[str] = mapped_column(String(16))
    credential_id: Mapped[uuid.UUID | None]
    scopes: Mapped[list[str]] = mapped_column(Json)
    action: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    target_id: Mapped[uuid.UUID | None]
    name: Mapped[str] = mapped_column(String(255))
    project_id: Mapped[uuid.UUID | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str] = mapped_column(String(128))
