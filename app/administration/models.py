"""Worker processes."""

import uuid
from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Json


class Worker(Base):
    """One worker process; `id` is its boot id, new per start. Leases never depend on this row."""

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
