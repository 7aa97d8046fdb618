"""What the API takes and gives about notifications."""

import uuid
from datetime import datetime

from pydantic import Field

from app.core.schemas import Input, Output
from app.inbox.models import InboxItem


class NotificationRead(Output):
    """Something that a user was told."""

    seq: int = Field(description="Counts the user's notifications from 1; the `seq` of sockets")
    kind: str = Field(description="`execution.finished`, `approval.wanted`, …")
    title: str = Field(description="In a sentence")
    link: str | None = Field(description="Path of the page that shows it")
    execution_id: uuid.UUID | None = Field(description="The execution that it is about")
    created_at: datetime = Field(description="When it became true")
    is_read: bool = Field(description="Whether the user has marked it as read")

    @classmethod
    def of(cls, row: InboxItem, *, read_until: int) -> "NotificationRead":
        """An item of somebody who has read everything up to `read_until`."""
        return cls(
            seq=row.seq,
            kind=row.kind,
            title=row.title,
            link=row.link,
            execution_id=row.execution_id,
            created_at=row.created_at,
            is_read=row.seq <= read_until,
        )


class InboxPage(Output):
    """One page of a user's notifications."""

    items: list[NotificationRead] = Field(description="At most `limit`, newest first")
    next: str | None = Field(description="Send it as `after` to get the next page; null: the end")
    unread: int = Field(description="How many are not marked as read, on all pages")


class ReadMark(Input):
    """Up to where a user has read."""

    until: int = Field(
        ge=1, lt=2**31, description="`seq` of the newest notification that was read", examples=[1]
    )
