"""Tag versions: random tokens in Redis. A write makes new ones, and all older entries are misses.

In the process that wrote, a tag is *dirty* from its commit until the new version is in Redis: in
that time nothing with this tag is read from the cache or put into it.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.clock import new_id
from app.core.errors import Unavailable
from app.core.redis import Namespace, NamespaceClient, Namespaces, RedisAway, stop_task
from app.core.redis.keys import TAG_TTL_S, cache_tag

CACHED = (Namespace.API, Namespace.PIPELINE)
PAUSE_S = 0.25
"""An aggregate gets at most one new version in this time; what comes meanwhile shares the next."""
_RETRY_S = 1.0
EXECUTIONS = "executions"
"""Aggregates over executions begin with this: nobody waits for their new versions."""


class Tags:
    """The tags as one process sees them; belongs to one event loop.

    Parameters: `announce` tells other processes that these tags have new versions.
    """

    def __init__(self, namespaces: Namespaces, announce: Callable[[Sequence[str]], None]) -> None:
        self._clients = [namespaces[namespace] for namespace in CACHED]
        self._announce = announce
        self.finished: Callable[[Sequence[UUID]], None] | None = None
        """Tells the relay that these outbox rows are done."""
        self._dirty: dict[str, None] = {}
        self._bumped_at: dict[str, float] = {}
        self._waiting: list[UUID] = []
        self._wake = asyncio.Event()
        self._clean = asyncio.Event()
        self._clean.set()
        self.forget: list[Callable[[Iterable[str]], None]] = []
        """Called with tags whose local copies are old."""
        self._task = asyncio.create_task(self._bump_for_ever(), name="cache-tags")

    def is_dirty(self, tags: Iterable[str]) -> bool:
        """True when one of these was written here and its new version is not in Redis yet."""
        return not self._dirty.keys().isdisjoint(tags)

    def written(self, tags: Sequence[str], row_id: UUID | None = None) -> None:
        """A transaction of this process that touched these has just committed."""
        self._dirty.update(dict.fromkeys(tags))
        self.heard(tags)
        if row_id is not None:
            self._waiting.append(row_id)
        self._clean.clear()
        self._wake.set()

    def heard(self, tags: Sequence[str]) -> None:
        """Some process made new versions of these: forget local copies."""
        for forget in self.forget:
            forget(tags)

    async def settled(self, *, within_s: float) -> None:
        """Return when nothing that somebody waits for is dirty, or after this time."""
        if any(not tag.startswith(EXECUTIONS) for tag in self._dirty):
            try:
                async with asyncio.timeout(within_s):
                    await self._clean.wait()
            except TimeoutError:
                pass

    async def bump(self, tags: Sequence[str]) -> None:
        """Give these tags new versions, everywhere.

        Raises: RedisAway.
        """
        token = secrets.token_hex(8)
        for client in self._clients:
            await _set_all(client, tags, token)
        now = time.monotonic()
        self._bumped_at.update(dict.fromkeys(tags, now))
        self.heard(tags)
        self._announce(tags)

    async def effect(self, body: Mapping[str, Any]) -> None:
        """What the relay does with an outbox row of the kind `tags.bump`.

        Raises: Unavailable when Redis is away: the row stays and is tried again.
        """
        try:
            await self.bump([str(tag) for tag in body["tags"]])
        except RedisAway as error:
            raise Unavailable(str(error)) from None

    async def _bump_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            await self._pause()
            self._wake.clear()
            tags, rows, self._waiting = list(self._dirty), self._waiting, []
            try:
                await self.bump(tags)
            except RedisAway:
                self._waiting = rows + self._waiting
                await asyncio.sleep(_RETRY_S)
                self._wake.set()
                continue
            if self.finished is not None and rows:
                self.finished(rows)
            self._cleaned(tags)

    async def _pause(self) -> None:
        """Wait while only aggregates are dirty that got new versions just now."""
        while (pause_s := self._pause_s()) > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    def _pause_s(self) -> float:
        if any(not tag.startswith(EXECUTIONS) for tag in self._dirty):
            return 0.0
        now = time.monotonic()
        return max(
            (self._bumped_at.get(tag, 0.0) + PAUSE_S - now for tag in self._dirty), default=0
        )

    def _cleaned(self, tags: Sequence[str]) -> None:
        if self._wake.is_set():
            # Written again while the versions were on their way: these stay dirty.
            return
        for tag in tags:
            self._dirty.pop(tag, None)
        if len(self._bumped_at) > 50_000:
            self._bumped_at.clear()
        if not self._dirty:
            self._clean.set()

    async def close(self) -> None:
        """Stop; what is not bumped yet is left to the relay of any process."""
        await stop_task(self._task)


async def _set_all(client: NamespaceClient, tags: Sequence[str], token: str) -> None:
    pipeline = client.client.pipeline(transaction=False)
    for tag in tags:
        pipeline.set(client.name(cache_tag(client.namespace, tag)), token, ex=TAG_TTL_S)
    await client.run(lambda _: pipeline.execute())


async def versions(client: NamespaceClient, tags: Sequence[str]) -> tuple[str, ...]:
    """The versions of these tags; one that is missing is made.

    Raises: RedisAway.
    """
    names = [client.name(cache_tag(client.namespace, tag)) for tag in tags]
    found = await client.run(lambda redis: redis.mget(names))
    if None in found:
        pipeline = client.client.pipeline(transaction=False)
        for name in names:
            pipeline.set(name, str(new_id().hex), ex=TAG_TTL_S, nx=True)
        pipeline.mget(names)
        found = (await client.run(lambda _: pipeline.execute()))[-1]
    return tuple(value.decode() if isinstance(value, bytes) else "" for value in found)
