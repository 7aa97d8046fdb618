"""Queues and dead letters: the broker does, the audit trail remembers."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.administration.queues.errors import QueueNotFound
from app.administration.repository import QueueRepository
from app.audit.recording import record_change
from app.auth.principals import Principal
from app.core.db import AsyncSession, Database
from app.core.errors import Unavailable
from app.jobs.dead_letters import DeadLetter, DeadLetters
from app.jobs.depths import Depths
from app.jobs.queues import default_queues

_NAME = re.compile(r"(?:(?:high|medium|low)_priority(?:\.[0-9a-f]{16})?|control)\Z")


class Queue(NamedTuple):
    """A queue with what is in it."""

    name: str
    ready: int
    consumers: int
    dead_letters: int


async def list_queues(
    database: Database, depths: Depths | None, letters: DeadLetters | None
) -> list[Queue]:
    """All queues that exist: those of every installation and those of labels that jobs wait for.

    Raises: Unavailable when the broker cannot be reached.
    """
    if depths is None or letters is None:
        raise Unavailable("no worker runs in this server: it has no queues")
    async with database.read() as session:
        names = set(default_queues()) | await QueueRepository(session).waited_for()
    found = await depths.of(sorted(names))
    return [
        Queue(name, depth.ready, depth.consumers, await letters.count(name))
        for name, depth in sorted(found.items())
    ]


async def list_dead_letters(
    letters: DeadLetters | None, queue: str, *, limit: int
) -> list[DeadLetter]:
    """The oldest dead letters of a queue.

    Raises: QueueNotFound, Unavailable.
    """
    return await _known(letters, queue).oldest(queue, limit=limit)


async def requeue(
    database: Database,
    letters: DeadLetters | None,
    *,
    by: Principal,
    queue: str,
    ids: Sequence[str] | None,
) -> int:
    """Put dead letters on their queue again; returns how many.

    Raises: QueueNotFound, Unavailable: what was moved by then stays so.
    """
    count = await _known(letters, queue).requeue(queue, None if ids is None else set(ids))
    await _record(database, by, "dead_letters.requeue", queue, count)
    return count


async def purge(
    database: Database,
    letters: DeadLetters | None,
    *,
    by: Principal,
    queue: str,
    ids: Sequence[str] | None,
) -> int:
    """Throw dead letters away; returns how many.

    Raises: QueueNotFound, Unavailable.
    """
    count = await _known(letters, queue).purge(queue, None if ids is None else set(ids))
    await _record(database, by, "dead_letters.purge", queue, count)
    return count


def _known(letters: DeadLetters | None, queue: str) -> DeadLetters:
    if _NAME.match(queue) is None:
        raise QueueNotFound(f"there is no queue {queue[:100]!r}")
    if letters is None:
        raise Unavailable("no worker runs in this server: it has no queues")
    return letters


async def _record(database: Database, by: Principal, action: str, queue: str, count: int) -> None:
    async def write(session: AsyncSession) -> None:
        await record_change(
            session,
            by,
            action,
            kind="queue",
            target_id=None,
            name=queue,
            after={"count": count},
        )

    await database.transact(write)
