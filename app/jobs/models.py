"""The outbox: what is to be published once its transaction is committed."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Json


class OutboxRow(Base):
    """One message. `kind` is its wire name (`job.run`), `queue` the queue without prefix.

    `origin` is the process that wrote it: for 2 s the row is left to that process. `taken_by` is
    the process that publishes it, until `taken_until`.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "not_before", "taken_until"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    queue: Mapped[str] = mapped_column(String(128))
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    origin: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    taken_by: Mapped[uuid.UUID | None]
    taken_until: Mapped[datetime | None]
