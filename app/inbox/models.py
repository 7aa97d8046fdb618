"""The inbox of each user: its counter, and what is in it."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base


class Inbox(Base):
    """One user's inbox; there is none before the first notification.

    The row is locked by whoever adds to it: numbers have no gaps and are committed in order.
    Everything up to `read_until` was read.
    """

    __tablename__ = "inboxes"
    __table_args__ = TABLE_OPTIONS

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int]
    read_until: Mapped[int] = mapped_column(default=0)


class InboxItem(Base):
    """One notification. What it is about may be gone: `execution_id` is no foreign key."""

    __tablename__ = "inbox_items"
    __table_args__ = (Index(None, "created_at"), TABLE_OPTIONS)

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("inboxes.user_id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(50))
    title: Mapped[str] = mapped_column(String(500))
    link: Mapped[str | None] = mapped_column(String(500))
    execution_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime]
