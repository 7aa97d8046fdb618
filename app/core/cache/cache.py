"""Cached reads: computed once, kept as serialised bodies, never older than promised.

The process that wrote never serves older data; other processes at most 1 s later; at most 5 s
later when something broke on the way. When Redis is away, everything is computed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from operator import methodcaller

from app.core.cache.entries import Entry
from app.core.cache.tags import Tags, versions
from app.core.db import Database, ReadSession
from app.core.errors import Unavailable
from app.core.metrics import cache_requests
from app.core.redis import Namespace, NamespaceClient, Namespaces, RedisAway
from app.core.redis.keys import cache_entry, cache_flight

_FLIGHT_S = 5.0
_WAIT_S = 2.0
_POLL_S = 0.02

Compute = Callable[[ReadSession], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Spec:
    """One cached answer. `rights` are the tags that say who may see it; an entry is never served
    past a change of one of these."""

    namespace: Namespace
    key: str
    ttl_s: float
    tags: tuple[str, ...]
    rights: tuple[str, ...] = ()

    @property
    def all_tags(self) -> tuple[str, ...]:
        """Rights first."""
        return self.rights + self.tags


@dataclass(frozen=True, slots=True)
class Found:
    """A body for the caller. `hit`: it was not computed for this call; `is_stale`: the database is
    away and this is the last that is known; `keepable`: it may be kept in this process for 1 s."""

    entry: Entry
    hit: bool
    age_s: float = 0.0
    is_stale: bool = False
    keepable: bool = True


@dataclass(frozen=True, slots=True)
class _Stored:
    entry: Entry
    age_s: float


class Cache:
    """The cache of one process; belongs to one event loop."""

    def __init__(self, database: Database, namespaces: Namespaces, tags: Tags) -> None:
        self._database = database
        self._namespaces = namespaces
        self.tags = tags
        self._flights: dict[tuple[Namespace, str, tuple[str, ...]], asyncio.Future[Entry]] = {}
        self._trusted_from: dict[Namespace, float] = {}
        self._opened: dict[Namespace, int] = {}
        self.computed = 0

    async def get(self, spec: Spec, compute: Compute) -> Found:
        """The body of `spec`, from the cache or computed.

        Parameters: `compute` gets a read transaction that begins after the tags were read.
        Raises: what `compute` raises; Unavailable when the database is away and nothing is known.
        """
        client = self._namespaces[spec.namespace]
        if self.tags.is_dirty(spec.all_tags):
            return await self._uncached(spec, compute)
        try:
            current = await versions(client, spec.all_tags)
            stored = await self._read(client, spec)
        except RedisAway:
            return await self._uncached(spec, compute)
        if stored is not None and stored.entry.versions == current:
            self._count(client, hit=True)
            return Found(stored.entry, hit=True, age_s=stored.age_s)
        self._count(client, hit=False)
        return await self._miss(spec, compute, current, stored)

    async def _miss(
        self, spec: Spec, compute: Compute, current: tuple[str, ...], stored: _Stored | None
    ) -> Found:
        try:
            entry = await self._fly(spec, compute, current)
        except Unavailable:
            rights = len(spec.rights)
            if stored is None or stored.entry.versions[:rights] != current[:rights]:
                raise
            return Found(stored.entry, hit=True, age_s=stored.age_s, is_stale=True, keepable=False)
        return Found(entry, hit=False, keepable=not self.tags.is_dirty(spec.all_tags))

    async def _uncached(self, spec: Spec, compute: Compute) -> Found:
        cache_requests.labels(spec.namespace.label, "bypass").inc()
        entry = Entry.of(await self._compute(compute), ())
        return Found(entry, hit=False, keepable=False)

    async def _compute(self, compute: Compute) -> bytes:
        self.computed += 1
        async with self._database.read() as session:
            return await compute(session)

    def counters(self, namespace: Namespace) -> Callable[[], None]:
        """Counts one hit of this namespace."""
        counters = self._namespaces[namespace].counters

        def count() -> None:
            counters.hits += 1

        return count

    def _count(self, client: NamespaceClient, *, hit: bool) -> None:
        if hit:
            client.counters.hits += 1
        else:
            client.counters.misses += 1
        cache_requests.labels(client.namespace.label, "hit" if hit else "miss").inc()

    async def _read(self, client: NamespaceClient, spec: Spec) -> _Stored | None:
        name = client.name(cache_entry(spec.namespace, spec.key, spec.ttl_s))
        pipeline = client.client.pipeline(transaction=False)
        pipeline.get(name)
        pipeline.pttl(name)
        value, left_ms = await client.run(lambda _: pipeline.execute())
        entry = None if value is None else Entry.unpacked(value)
        if entry is None:
            return None
        # By Redis's own clock: those of the hosts may differ.
        age_s = max(0.0, spec.ttl_s - left_ms / 1000)
        return _Stored(entry, age_s) if self._is_trusted(client, age_s) else None

    def _is_trusted(self, client: NamespaceClient, age_s: float) -> bool:
        """False for what was stored before Redis was away: bumps may have been lost since."""
        now, opened = time.monotonic(), client.breaker.opened
        if opened != self._opened.get(client.namespace, 0):
            self._opened[client.namespace] = opened
            self._trusted_from[client.namespace] = now
        return age_s <= now - self._trusted_from.get(client.namespace, float("-inf"))

    async def _fly(self, spec: Spec, compute: Compute, current: tuple[str, ...]) -> Entry:
        """Compute once for all that ask at the same time under the same versions."""
        flight = (spec.namespace, spec.key, current)
        future = self._flights.get(flight)
        if future is not None:
            return await asyncio.shield(future)
        future = self._flights[flight] = asyncio.get_running_loop().create_future()
        try:
            entry = await self._fly_or_wait(spec, compute, current)
            future.set_result(entry)
        except BaseException as error:
            if isinstance(error, Exception):
                future.set_exception(error)
                future.exception()  # perhaps nobody else waits
            else:
                future.cancel()
            raise
        finally:
            del self._flights[flight]
        return entry

    async def _fly_or_wait(self, spec: Spec, compute: Compute, current: tuple[str, ...]) -> Entry:
        client = self._namespaces[spec.namespace]
        flight = client.name(cache_flight(spec.namespace, spec.key, _FLIGHT_S))
        try:
            first = await client.run(
                lambda redis: redis.set(flight, "1", nx=True, px=int(_FLIGHT_S * 1000))
            )
            # Also the first one looks once more: another may have landed since it looked before.
            wait_s = 0.0 if first else _WAIT_S
            other = await self._wait(client, spec, current, within_s=wait_s)
            if other is not None:
                if first:
                    await self._land(client, flight)
                return other
        except RedisAway:
            pass
        try:
            entry = Entry.of(await self._compute(compute), current)
            await self._store(client, spec, entry)
        finally:
            await self._land(client, flight)
        return entry

    async def _wait(
        self, client: NamespaceClient, spec: Spec, current: tuple[str, ...], *, within_s: float
    ) -> Entry | None:
        """What another process computed; None when it does not come, or under other versions."""
        until = time.monotonic() + within_s
        while True:
            stored = await self._read(client, spec)
            if stored is not None and stored.entry.versions == current:
                return stored.entry
            if time.monotonic() >= until:
                return None
            await asyncio.sleep(_POLL_S)

    async def _store(self, client: NamespaceClient, spec: Spec, entry: Entry) -> None:
        if self.tags.is_dirty(spec.all_tags):
            return
        key = cache_entry(spec.namespace, spec.key, spec.ttl_s)
        with suppress(RedisAway):  # it is computed again
            await client.run(
                lambda redis: redis.set(client.name(key), entry.packed(), px=int(key.ttl_s * 1000))
            )

    async def _land(self, client: NamespaceClient, flight: str) -> None:
        with suppress(RedisAway):  # it expires
            await client.run(lambda redis: redis.delete(flight))

    async def purge_namespace(self, namespace: Namespace) -> int:
        """Delete all entries of a namespace; tags stay. Returns how many there were.

        Raises: RedisAway.
        """
        client = self._namespaces[namespace]
        pattern, deleted, cursor = client.channel("entry:*"), 0, 0
        while True:
            cursor, names = await client.run(methodcaller("scan", cursor, match=pattern, count=500))
            if names:
                deleted += await client.run(methodcaller("unlink", *names))
            if not cursor:
                return deleted
