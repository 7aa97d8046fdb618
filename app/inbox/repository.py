"""Statements about inboxes."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.auth.models import User
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.events import UserNotified
from app.inbox.models import Inbox, InboxItem


class InboxRepository(Repository):
    """What one user was told."""

    async def count(self, user_id: uuid.UUID) -> int | None:
        """The number of the next item; the inbox is locked until the transaction ends.

        None when there is no such user any more: what happened must not fail for that.
        """
        names, seq = ["user_id", "seq", "read_until"], Inbox.__table__.c.seq
        first = select(User.id, literal(1), literal(0)).where(User.id == user_id)
        if self.session.get_bind().dialect.name == "sqlite":
            added = sqlite_insert(Inbox).from_select(names, first)
            await self.session.execute(
                added.on_conflict_do_update(set_={"seq": seq + 1}, index_elements=["user_id"])
            )
        else:
            counted = mysql_insert(Inbox).from_select(names, first)
            await self.session.execute(counted.on_duplicate_key_update(seq=seq + 1))
        return await self.session.scalar(select(Inbox.seq).where(Inbox.user_id == user_id))

    async def add(self, item: UserNotified) -> None:
        """Store an item that has its number."""
        await self.session.execute(
            insert(InboxItem).values(
                user_id=item.user_id,
                seq=item.seq,
                kind=item.kind[:50],
                title=item.title[:500],
                link=item.link,
                execution_id=item.execution_id,
                created_at=item.at,
            )
        )

    async def head(self, user_id: uuid.UUID) -> tuple[int, int]:
        """The number of the newest item, and up to which all are read; zeros: none yet."""
        statement = select(Inbox.seq, Inbox.read_until).where(Inbox.user_id == user_id)
        row = (await self.session.execute(statement)).one_or_none()
        return (0, 0) if row is None else (row[0], row[1])

    async def list(self, user_id: uuid.UUID, params: PageParams) -> Slice[InboxItem]:
        """Newest first."""
        statement = select(InboxItem).where(InboxItem.user_id == user_id)
        return await self.page(statement, InboxItem.seq, params)

    async def after(self, user_id: uuid.UUID, seq: int, *, limit: int) -> Sequence[InboxItem]:
        """The items after a number, in order."""
        statement = (
            select(InboxItem)
            .where(InboxItem.user_id == user_id, InboxItem.seq > seq)
            .order_by(InboxItem.seq)
            .limit(limit)
        )
        return (await self.session.scalars(statement)).all()

    async def mark_read(self, user_id: uuid.UUID, seq: int) -> None:
        """Everything up to `seq` was read; what was read stays so."""
        await self.session.execute(
            update(Inbox)
            .where(Inbox.user_id == user_id, Inbox.read_until < seq, Inbox.seq >= seq)
            .values(read_until=seq)
        )

    async def delete_before(self, time: datetime, *, limit: int) -> int:
        """Delete what is older; returns how many."""
        old = (
            select(InboxItem.user_id, InboxItem.seq)
            .where(InboxItem.created_at < time)
            .order_by(InboxItem.created_at)
            .limit(limit)
        )
        rows = (await self.session.execute(old)).all()
        for user_id, seq in rows:
            await self.session.execute(
                delete(InboxItem).where(InboxItem.user_id == user_id, InboxItem.seq == seq)
            )
        return len(rows)
