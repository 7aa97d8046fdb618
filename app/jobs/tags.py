"""Cache tags that a transaction touches: written with it, bumped after its commit."""

from functools import partial
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from app.core.clock import new_id
from app.core.db import AsyncSession, Database, after_commit
from app.jobs.outbox import Outgoing, enqueue_rows
from app.jobs.queues import queue_for

BUMP = "tags.bump"
"""The kind of the outbox row; an effect of the relay, never a message."""


class Touched(Protocol):
    """The tags of this process: `app.core.cache.Tags`."""

    def written(self, tags: list[str], row_id: UUID | None = None) -> None:
        """A transaction of this process that touched these has just committed."""
        ...


PIPELINES = "pipelines"
"""Pipelines and projects: created, changed, deleted."""
EXECUTIONS = "executions"
"""Any execution's status."""
SETTINGS = "settings"
"""Global settings."""
RIGHTS = "rights"
"""What anybody may see."""


def executions_of(project_id: UUID) -> str:
    """The status of a project's executions."""
    return f"{EXECUTIONS}:{project_id}"


def rights_of(user_id: UUID | None) -> str:
    """What one user may see, also whether a credential of theirs is good; None: anonymous."""
    return f"{RIGHTS}:{user_id}"


_TOUCHED: WeakKeyDictionary[Any, Touched] = WeakKeyDictionary()


def attach(database: Database, touched: Touched) -> None:
    """From now on `touched` hears of what this process commits on `database`."""
    _TOUCHED[database.engine.sync_engine] = touched


async def touch(session: AsyncSession, *tags: str) -> None:
    """Say that cached answers with these tags are old once this transaction is committed.

    One INSERT: whatever happens to this process, some relay bumps them.
    """
    row_id, names = new_id(), sorted(set(tags))
    row = Outgoing(row_id, BUMP, queue_for("low"), {"id": str(row_id), "tags": names})
    touched = _TOUCHED.get(session.get_bind())
    # Never handed to this process's relay: a worker has no cache, and a server bumps by itself.
    await enqueue_rows(session, [(row, None)], hand_over=False)
    if touched is not None:
        after_commit(session, partial(touched.written, names, row_id))
