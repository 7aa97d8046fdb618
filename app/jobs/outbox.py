"""Messages are written in the transaction that makes them true, and published after its commit."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from app.core.clock import new_id
from app.core.db import AsyncSession, Database, after_commit
from app.jobs.catalog import Message
from app.jobs.queues import queue_for
from app.jobs.repository import OutboxRepository


@dataclass(frozen=True, slots=True)
class Queued:
    """A message on its way. `queue` None: that of its priority; `not_before` is database time."""

    message: Message
    queue: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A committed row as it is published. `queue` is without prefix."""

    id: uuid.UUID
    kind: str
    queue: str
    body: Mapping[str, Any]


class Outlet(Protocol):
    """The relay of this database in this process."""

    origin: uuid.UUID

    def accept(self, rows: Sequence[Outgoing]) -> None:
        """Publish these rows, which are committed, now."""
        ...

    def remind(self, delay_s: float) -> None:
        """Look again in `delay_s` seconds: a row is due then."""
        ...


_NONE = timedelta()
_OUTLETS: WeakKeyDictionary[Any, Outlet] = WeakKeyDictionary()


def attach(database: Database, outlet: Outlet) -> None:
    """From now on, `outlet` hears of what is committed on `database` in this process."""
    _OUTLETS[database.engine.sync_engine] = outlet


def detach(database: Database) -> None:
    """Nobody hears any more; other processes find the rows by themselves."""
    _OUTLETS.pop(database.engine.sync_engine, None)


async def enqueue(
    session: AsyncSession,
    message: Message,
    *,
    queue: str | None = None,
    not_before: datetime | None = None,
) -> None:
    """Have `message` published once this transaction is committed: one INSERT.

    Parameters: `queue` overrides the queue of the message's priority; `not_before` (aware, the
    database's time) delays it.
    """
    await enqueue_all(session, [Queued(message, queue=queue, not_before=not_before)])


async def enqueue_all(
    session: AsyncSession, queued: Sequence[Queued], *, now: datetime | None = None
) -> None:
    """As `enqueue`, for many messages: one INSERT for all of them. None at all is no statement.

    Parameters: `now` is the database's time, if the caller knows it; it saves a statement.
    """
    await enqueue_rows(
        session,
        [
            (
                Outgoing(
                    id=new_id(),
                    kind=one.message.wire,
                    queue=one.queue or queue_for(one.message.priority),
                    body=one.message.body(),
                ),
                one.not_before,
            )
            for one in queued
        ],
        now=now,
    )


async def enqueue_rows(
    session: AsyncSession,
    rows: Sequence[tuple[Outgoing, datetime | None]],
    *,
    now: datetime | None = None,
    hand_over: bool = True,
) -> None:
    """As `enqueue_all`, for rows that are no messages of the catalogue (effects, repetitions).

    Parameters: with `hand_over` False this process's relay does not get them at the commit: the
    caller does what they say, and tells the relay (`done`).
    """
    if not rows:
        return
    outlet = _OUTLETS.get(session.get_bind())
    origin = None if outlet is None else outlet.origin
    values = [_values(row, later, origin) for row, later in rows]
    repository = OutboxRepository(session)
    if now is None and any(later is not None for _, later in rows):
        # Not this host's clock: a message that comes before its time finds nothing to do, and is
        # gone.
        now = await repository.now()
    await repository.add(values, now=now)
    if outlet is None or not hand_over:
        return
    due = [(row, None if later is None or now is None else later - now) for row, later in rows]
    if ready := [row for row, delay in due if delay is None or delay <= _NONE]:
        # Only after commit: the relay would otherwise publish what may yet be rolled back.
        after_commit(session, partial(outlet.accept, ready))
    if delays := [delay for _, delay in due if delay is not None and delay > _NONE]:
        after_commit(session, partial(outlet.remind, min(delays).total_seconds()))


def _values(row: Outgoing, later: datetime | None, origin: uuid.UUID | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "queue": row.queue,
        "body": row.body,
        "origin": origin,
        "not_before": later,
        "taken_by": None,
        "taken_until": None,
    }
