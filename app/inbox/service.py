"""Telling people something, in the transaction that makes it true."""

import uuid
from datetime import timedelta

from app.core.clock import utcnow
from app.core.db import AsyncSession, Database, ReadSession
from app.core.pagination import PageParams
from app.events import UserNotified, publish_after_commit
from app.inbox.repository import InboxRepository
from app.inbox.schemas import InboxPage, NotificationRead

KEPT_DAYS = 90
_AT_ONCE = 500


async def notify(session: AsyncSession, *notices: UserNotified) -> None:
    """Store these and publish them, numbered, after the commit. Three statements for each."""
    repository = InboxRepository(session)
    numbered = []
    # Always in the same order: two that tell the same people at once must not wait for each other.
    for notice in sorted(notices, key=lambda notice: notice.user_id):
        seq = await repository.count(notice.user_id)
        if seq is not None:
            one = notice.model_copy(update={"seq": seq})
            await repository.add(one)
            numbered.append(one)
    publish_after_commit(session, *numbered)


async def inbox_page(session: ReadSession, *, user_id: uuid.UUID, paging: PageParams) -> InboxPage:
    """One page of what a user was told."""
    repository = InboxRepository(session)
    seq, read_until = await repository.head(user_id)
    found = await repository.list(user_id, paging)
    items = [NotificationRead.of(row, read_until=read_until) for row in found.items]
    return InboxPage(items=items, next=found.next, unread=seq - read_until)


async def last_seq(session: ReadSession, *, user_id: uuid.UUID) -> int:
    """The number of the newest notification of a user; 0: none yet."""
    return (await InboxRepository(session).head(user_id))[0]


async def told_after(
    session: ReadSession, *, user_id: uuid.UUID, seq: int, limit: int
) -> list[UserNotified]:
    """The notifications after a number, in order, as they were published."""
    return [
        UserNotified(
            seq=row.seq,
            at=row.created_at,
            user_id=row.user_id,
            kind=row.kind,
            title=row.title,
            link=row.link,
            execution_id=row.execution_id,
        )
        for row in await InboxRepository(session).after(user_id, seq, limit=limit)
    ]


async def mark_read(session: AsyncSession, *, user_id: uuid.UUID, seq: int) -> None:
    """Everything up to the number `seq` was read."""
    await InboxRepository(session).mark_read(user_id, seq)


async def clean_up(database: Database) -> int:
    """Delete what is older than 90 days; returns how many."""
    deleted = 0
    while True:
        async with database.session() as session:
            before = utcnow() - timedelta(days=KEPT_DAYS)
            count = await InboxRepository(session).delete_before(before, limit=_AT_ONCE)
        deleted += count
        if count < _AT_ONCE:
            return deleted
