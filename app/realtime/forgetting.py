"""Looking into the cache, and emptying it."""

from app.core.cache import Cache, LocalHits
from app.core.errors import Invalid, Unavailable
from app.core.redis import Namespace, Namespaces, RedisAway, statistics
from app.realtime.schemas import (
    PURGEABLE,
    CacheInvalidate,
    CacheInvalidated,
    CacheStatistics,
)


class NamespaceIsNotPurgeable(Invalid):
    """Sessions, channels and results are no cache."""

    code, title = "namespace_not_purgeable", "This namespace is not a cache"


class Forgetter:
    """Statistics of the cache, and its clean-up by tag or namespace."""

    def __init__(self, namespaces: Namespaces, cache: Cache, hits: LocalHits) -> None:
        self._namespaces, self._cache, self._hits = namespaces, cache, hits

    async def statistics(self) -> CacheStatistics:
        """What the namespaces hold and how they do."""
        return CacheStatistics(
            namespaces=[one.as_dict() for one in await statistics(self._namespaces)],
            computed=self._cache.computed,
            warm_hits=self._hits.served,
        )

    async def forget(self, wanted: CacheInvalidate) -> CacheInvalidated:
        """Give tags new versions, or delete the entries of a namespace.

        Raises: NamespaceIsNotPurgeable; Unavailable when Redis is away.
        """
        purgeable = {namespace.label: namespace for namespace in PURGEABLE}
        namespace: Namespace | None = None
        if wanted.namespace is not None:
            namespace = purgeable.get(wanted.namespace)
            if namespace is None:
                raise NamespaceIsNotPurgeable(f"namespace is one of {', '.join(purgeable)}")
        try:
            if wanted.tags:
                await self._cache.tags.bump(wanted.tags)
            entries = 0 if namespace is None else await self._cache.purge_namespace(namespace)
        except RedisAway as error:
            raise Unavailable(str(error)) from None
        if namespace is not None:
            self._hits.forget(None)
        return CacheInvalidated(tags=len(wanted.tags), entries=entries)
