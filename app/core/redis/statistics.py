"""What the namespaces hold and how they do: measured, never invented."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.core.redis.namespaces import NamespaceClient, Namespaces, RedisAway

_SAMPLED_KEYS = 50


@dataclass(frozen=True, slots=True)
class NamespaceStatistics:
    """One namespace. `keys` and `memory_bytes` are None while it is away.

    `memory_bytes` is estimated from a sample of keys; None also for the server inside the process,
    which cannot tell. The counters are those of this process.
    """

    namespace: str
    database: int
    available: bool
    keys: int | None
    memory_bytes: int | None
    hits: int
    misses: int
    hit_ratio: float | None
    calls: int
    failures: int
    refused: int
    breaker_opened: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


async def statistics(namespaces: Namespaces) -> list[NamespaceStatistics]:
    """All namespaces, asked at the same time."""
    return list(await asyncio.gather(*(_of(client) for client in namespaces)))


async def _of(client: NamespaceClient) -> NamespaceStatistics:
    keys: int | None = None
    memory: int | None = None
    try:
        keys = await client.run(lambda redis: redis.dbsize())
        memory = await client.run(lambda redis: _memory(redis, client.pattern, keys or 0))
    except (RedisAway, ResponseError):
        pass
    counters = client.counters
    asked = counters.hits + counters.misses
    return NamespaceStatistics(
        namespace=client.namespace.label,
        database=int(client.namespace),
        available=keys is not None,
        keys=keys,
        memory_bytes=memory,
        hits=counters.hits,
        misses=counters.misses,
        hit_ratio=counters.hits / asked if asked else None,
        calls=counters.calls,
        failures=counters.failures,
        refused=counters.refused,
        breaker_opened=client.breaker.opened,
    )


async def _memory(redis: "Redis", pattern: str, keys: int) -> int:
    _, names = await redis.scan(0, match=pattern, count=_SAMPLED_KEYS)
    names = names[:_SAMPLED_KEYS]
    if not names:
        return 0
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.memory_usage(name)
    sizes = [size for size in await pipeline.execute() if size is not None]
    return round(sum(sizes) / len(sizes) * keys) if sizes else 0
