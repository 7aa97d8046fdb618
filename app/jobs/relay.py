"""Takes committed messages to their queues: one relay per process and database.

The fast path needs one statement: rows that this process commits are handed over in memory,
published, and deleted. Everything else, also what this process could not publish, is found by
polling; rows of another process are left to it while they are young, so that none is sent twice
without need. Whoever dies leaves rows that anybody publishes.
"""

import asyncio
import contextlib
import random
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import Counter

from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.core.metrics import outbox_lag
from app.jobs import outbox
from app.jobs.outbox import Outgoing
from app.jobs.publisher import Publisher
from app.jobs.repository import OutboxReads, OutboxRepository

log = logger(__name__)

PUBLISHED = Counter("ansflow_outbox_published_total", "Messages published by this process")

Effect = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Done by the relay itself instead of a message: it gets the row's body."""

EFFECTS = frozenset({"tags.bump"})
"""Kinds of rows that are effects; a relay without one of them leaves its rows alone."""

LEAVE_S = 2.0
"""How long rows are left to the process that wrote them."""
_TAKEN_S = 30.0
_TAKEN_UNTIL_ANSWERED_S = 7 * 24 * 3600.0
"""Queues inside this process: the next process releases everything at its start."""
_BATCH = 200
_AT_ONCE = 16
_IDLE_POLL_S = 4.0


class Relay:
    """The relay of one database in one process; belongs to one event loop.

    Parameters: `origin` names this process (new at each start); `effects` are kinds of rows that
    are not published but done here; `poll_s` is how often it looks for rows that nobody handed
    over, less often while there are none.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        origin: uuid.UUID | None = None,
        *,
        effects: Mapping[str, Effect] | None = None,
        poll_s: float = 1.0,
    ) -> None:
        self.origin = origin or new_id()
        self._database = database
        self._publisher = publisher
        self._effects = dict(effects or {})
        # A worker has no cache: what is to be done there is left to the servers.
        self._left = sorted(EFFECTS - self._effects.keys())
        self._poll_s = poll_s
        self._fresh: deque[Outgoing] = deque()
        self._sending: set[uuid.UUID] = set()
        self._sent: set[uuid.UUID] = set()
        self._batches: set[asyncio.Task[None]] = set()
        self._has_fresh = asyncio.Event()
        self._has_sent = asyncio.Event()
        self._look = asyncio.Event()
        self._failures = 0
        self._loop = asyncio.get_running_loop()
        self._taken_s = _TAKEN_UNTIL_ANSWERED_S if publisher.answers else _TAKEN_S
        publisher.on_answer(self._hear_answer)
        outbox.attach(database, self)

    async def run(self) -> None:
        """Relay until cancelled; what was published before is deleted first, if possible."""
        outbox.attach(self._database, self)
        loops = (self._publish_fresh, self._delete_sent, self._poll)
        tasks = [asyncio.create_task(_keep(loop)) for loop in loops]
        try:
            await asyncio.gather(*tasks)
        finally:
            outbox.detach(self._database)
            await _end([*tasks, *self._batches])
            await self._leave()

    def accept(self, rows: Sequence[Outgoing]) -> None:
        """Publish rows that this process has just committed."""
        if self._failures:
            return  # The queues are away: the poll finds the rows when they are back.
        # The poll may have been faster; effects of others are none of our messages.
        known = self._sending | self._sent
        rows = [row for row in rows if row.id not in known and row.kind not in self._left]
        self._sending.update(row.id for row in rows)
        self._fresh.extend(rows)
        self._has_fresh.set()

    def remind(self, delay_s: float) -> None:
        """Look for due rows in `delay_s` seconds."""
        asyncio.get_running_loop().call_later(delay_s, self._look.set)

    def done(self, ids: Sequence[uuid.UUID]) -> None:
        """These rows were done by somebody else in this process: delete them."""
        self._sent.update(ids)
        self._has_sent.set()

    async def _publish_fresh(self) -> None:
        while True:
            await self._has_fresh.wait()
            while len(self._batches) >= _AT_ONCE:
                await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)
            batch = [self._fresh.popleft() for _ in range(min(_BATCH, len(self._fresh)))]
            if not self._fresh:
                self._has_fresh.clear()
            self._start(self._publish_batch(batch))

    def _start(self, batch: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(batch)
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _publish_batch(self, rows: Sequence[Outgoing]) -> None:
        handed_over = await self._publish(rows)
        # What could not be sent is the poll's: it is in the table, whatever happens here.
        self._sending.difference_update({row.id for row in rows} - handed_over)

    async def _publish(self, rows: Sequence[Outgoing]) -> set[uuid.UUID]:
        """Publish rows; returns the ids that nobody needs to look at again."""
        done = {row.id for row in rows if row.kind in self._effects and await self._do(row)}
        self._finish(done)
        messages = [row for row in rows if row.kind not in self._effects]
        try:
            if messages:
                sent = await self._publisher.publish(messages)
                PUBLISHED.inc(len(sent))
                done |= sent
                self._failures = 0
                if not self._publisher.answers:
                    self._finish(sent)
        except Unavailable as error:
            self._failures += 1
            log.warning("publishing_failed", messages=len(messages), error=error.detail)
        except Exception:
            self._failures += 1
            log.exception("publishing_failed", messages=len(messages))
        return done

    def _finish(self, ids: Collection[uuid.UUID]) -> None:
        self._sent.update(ids)
        if ids:
            self._has_sent.set()

    def _hear_answer(self, row_id: uuid.UUID) -> None:
        with contextlib.suppress(RuntimeError):  # closed: the next start publishes it again
            self._loop.call_soon_threadsafe(self._answered, row_id)

    def _answered(self, row_id: uuid.UUID) -> None:
        if row_id in self._sending:
            self._finish([row_id])

    async def _do(self, row: Outgoing) -> bool:
        try:
            await self._effects[row.kind](row.body)
        except Unavailable as error:
            log.warning("effect_failed", kind=row.kind, error=error.detail)
            return False
        except Exception:
            # The row stays, so that it is tried again; other rows must not suffer from it.
            log.exception("effect_failed", kind=row.kind)
            return False
        return True

    async def _delete_sent(self) -> None:
        while True:
            await self._has_sent.wait()
            # A little later there are more of them, and nobody waits for this.
            await asyncio.sleep(0.02)
            try:
                await self._delete()
            except Unavailable:
                await asyncio.sleep(1.0)

    async def _delete(self) -> None:
        ids = list(self._sent)[:_BATCH]
        if ids:
            await self._database.transact(lambda session: OutboxRepository(session).remove(ids))
        self._sent.difference_update(ids)
        self._sending.difference_update(ids)
        if not self._sent:
            self._has_sent.clear()

    async def _poll(self) -> None:
        wait_s = self._poll_s
        while True:
            try:
                next_s = await self._publish_due()
            except Unavailable:
                next_s = None
            busy = next_s is not None
            wait_s = self._poll_s if busy else min(wait_s * 1.5, max(self._poll_s, _IDLE_POLL_S))
            if self._failures:
                wait_s = min(0.25 * 2**self._failures, 5.0)
            due_s = wait_s if next_s is None else min(wait_s, next_s)
            await self._wait_for_look(due_s * random.uniform(0.9, 1.0))  # noqa: S311  jitter

    async def _wait_for_look(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(max(timeout_s, 0.005)):
                await self._look.wait()
        except TimeoutError:
            pass
        self._look.clear()

    async def _publish_due(self) -> float | None:
        """Publish what is due; returns the seconds to the next row, None when there is none."""
        async with self._database.read() as session:
            now, first = await OutboxReads(session).head(without=self._left)
            outbox_lag.set(max(0.0, (now - first).total_seconds()) if first else 0.0)
            if first is None:
                return None
            if first > now:
                return (first - now) / timedelta(seconds=1)
            due = await OutboxReads(session).due(
                origin=self.origin, leave_s=LEAVE_S, limit=_BATCH, without=self._left
            )
        ids = [row_id for row_id, _ in due if row_id not in self._sending]
        if not ids:
            return self._poll_s
        await self._publish_taken(ids)
        return 0.0 if len(due) == _BATCH else self._poll_s

    async def _publish_taken(self, ids: Sequence[uuid.UUID]) -> None:
        async def take(session: AsyncSession) -> list[Outgoing]:
            rows = await OutboxRepository(session).take(ids, by=self.origin, for_s=self._taken_s)
            return [Outgoing(row.id, row.kind, row.queue, row.body) for row in rows]

        rows = await self._database.transact(take)
        self._sending.update(row.id for row in rows)
        done = await self._publish(rows)
        left = [row.id for row in rows if row.id not in done]
        self._sending.difference_update(left)
        effects = {row.id for row in rows if row.kind in self._effects}
        # Perhaps only our connection is broken: another process may well have one.
        freed = left if self._failures else [row_id for row_id in left if row_id in effects]
        if freed:
            await self._database.transact(
                lambda session: OutboxRepository(session).release(freed, by=self.origin)
            )

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(2.0):
                while self._sent:
                    await self._delete()
        except (Unavailable, TimeoutError):
            log.info("published_rows_left", rows=len(self._sent))


async def _keep(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop for ever: nothing would be published any more if a bug ended it."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("relay_failed")
            await asyncio.sleep(1.0)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they are done: a library may swallow one cancellation."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1.0)
