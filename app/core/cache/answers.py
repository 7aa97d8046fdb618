"""`@cached`: a read whose serialised result is kept."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate, Generic, ParamSpec

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.core.cache.cache import Cache, Found, Spec
from app.core.cache.hits import SCOPE_HIT, SCOPE_KEY, LocalHits, Note, hit_counter, route_path
from app.core.db import ReadSession
from app.core.redis import Namespace

P = ParamSpec("P")
Read = Callable[Concatenate[ReadSession, P], Awaitable[BaseModel]]


class CachedRead(Generic[P]):
    """A read of the database with a cache in front; made by `cached`."""

    def __init__(
        self,
        read: Read[P],
        *,
        namespace: Namespace,
        ttl_s: float,
        key: Callable[P, str],
        tags: Callable[P, Sequence[str]],
        rights: Callable[P, Sequence[str]],
    ) -> None:
        self._read = read
        self._namespace, self._ttl_s = namespace, ttl_s
        self._key, self._tags, self._rights = key, tags, rights
        self._name = read.__qualname__

    async def answer(self, request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
        """The response to a GET: from the cache or computed, with an ETag.

        Raises: what the read raises; Unavailable.
        """
        runtime = request.app.state.runtime
        cache: Cache = runtime.cache
        hits: LocalHits = runtime.hits
        spec = Spec(
            self._namespace,
            f"{self._name}?{self._key(*args, **kwargs)}",
            self._ttl_s,
            tuple(self._tags(*args, **kwargs)),
            tuple(self._rights(*args, **kwargs)),
        )
        generation = hits.generation

        async def compute(session: ReadSession) -> bytes:
            result = await self._read(session, *args, **kwargs)
            return result.model_dump_json().encode()

        found = await cache.get(spec, compute)
        if found.hit:
            request.scope[SCOPE_HIT] = route_path(request.scope)
        if found.keepable:
            counters = cache.counters(spec.namespace)
            request.scope[SCOPE_KEY] = Note(
                spec.all_tags,
                found.entry.etag,
                spec.namespace.label,
                generation,
                route_path(request.scope),
                hit_counter(spec.namespace.label, counters),
            )
        return _response(request, found)


def _response(request: Request, found: Found) -> Response:
    headers = {"ETag": found.entry.etag, "X-Cache": "hit" if found.hit else "miss"}
    if found.is_stale:
        headers["Warning"] = '110 - "the database is away: this may be old"'
        headers["Age"] = str(int(found.age_s))
    wanted = request.headers.get("if-none-match", "")
    if found.entry.etag in wanted:
        return Response(status_code=304, headers=headers)
    return Response(found.entry.body, headers=headers, media_type="application/json")


def cached(
    namespace: Namespace,
    *,
    ttl_s: float,
    key: Callable[P, str],
    tags: Callable[P, Sequence[str]],
    rights: Callable[P, Sequence[str]],
) -> Callable[[Read[P]], CachedRead[P]]:
    """Keep what a read returns, as serialised body.

    Parameters: `key` must tell apart everything that changes the result, also who asks; `tags`
    name what is bumped when the result changes; `rights` what is bumped when the caller may see
    more or less. All three are called with the arguments of the read without its session.
    """

    def decorate(read: Read[P]) -> CachedRead[P]:
        return CachedRead(read, namespace=namespace, ttl_s=ttl_s, key=key, tags=tags, rights=rights)

    return decorate
