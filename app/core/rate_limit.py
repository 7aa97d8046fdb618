"""Rate limits: counters in Redis, per window. Without Redis everybody passes, and is counted."""

import time

from redis.asyncio import Redis

from app.core import metrics
from app.core.redis import Namespace, Namespaces, RedisAway
from app.core.redis.keys import rate


class RateLimit:
    """At most so many events per subject and window.

    Parameters: `name` tells limits apart; `window_s` in seconds.
    """

    def __init__(self, redis: Namespaces, name: str, *, limit: int, window_s: int) -> None:
        self._redis = redis[Namespace.DEFAULT]
        self.name, self.limit, self.window_s = name, limit, window_s

    async def is_exceeded(self, subject: str) -> bool:
        """True when the subject has used up this window."""
        name = self._name(subject)

        async def read(client: Redis) -> int:
            return int(await client.get(name) or 0)

        try:
            return await self._redis.run(read) >= self.limit
        except RedisAway:
            metrics.rate_limit_open.labels(self.name).inc()
            return False

    async def count(self, subject: str) -> None:
        """Count one event."""
        name = self._name(subject)

        async def add(client: Redis) -> None:
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.incr(name)
                pipeline.expire(name, self.window_s * 2)
                await pipeline.execute()

        try:
            await self._redis.run(add)
        except RedisAway:
            metrics.rate_limit_open.labels(self.name).inc()

    @property
    def retry_after_s(self) -> int:
        """Seconds until this window ends."""
        return self.window_s - int(time.time()) % self.window_s

    def _name(self, subject: str) -> str:
        window = int(time.time()) // self.window_s
        return self._redis.name(rate(self.name, subject, window, self.window_s))
