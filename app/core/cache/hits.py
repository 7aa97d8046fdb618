"""Warm hits: answered before everything else, without a query and without Redis.

A response that came from the cache is kept whole for at most 1 s under the very request that got
it: path, query and credentials. The same request by the same caller gets the same bytes; a bump of
one of its tags, heard over pub/sub or made here, drops it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.cache.tags import Tags
from app.core.metrics import cache_requests
from app.core.middleware import request_id_of

KEPT_S = 1.0
RENEWED_S = 0.3
"""So long before its end one request renews a response, while the others still get it."""
MAX_KEPT = 4096
SCOPE_KEY = "ansflow.cached"
SCOPE_HIT = "ansflow.hit"
"""In the scope of a request that the cache answered: the path of its route."""
_SETTLE_S = 0.25

HitKey = tuple[str, bytes, bytes, bytes]


@dataclass(slots=True)
class Note:
    """What the endpoint says about its answer, for this layer."""

    tags: tuple[str, ...]
    etag: str
    namespace: str
    generation: int
    route: str | None
    count_hit: Callable[[], None]


@dataclass(slots=True)
class Hit:
    """A whole response."""

    until: float
    note: Note
    headers: list[tuple[bytes, bytes]]
    body: bytes
    not_modified: list[tuple[bytes, bytes]] = field(default_factory=list)
    is_renewed: bool = False
    """True once a request is on its way to renew it."""


class LocalHits:
    """The process-local layer; belongs to one event loop."""

    def __init__(self, tags: Tags) -> None:
        self._hits: OrderedDict[HitKey, Hit] = OrderedDict()
        self._by_tag: dict[str, set[HitKey]] = {}
        self.generation = 0
        """Rises with each bump: what was computed before it is not kept."""
        self.served = 0
        tags.forget.append(self.forget)

    def get(self, key: HitKey) -> Hit | None:
        """A response that may be sent now."""
        hit = self._hits.get(key)
        if hit is None:
            return None
        left_s = hit.until - time.monotonic()
        if left_s < 0:
            self._drop(key)
            return None
        if left_s < RENEWED_S and not hit.is_renewed:
            hit.is_renewed = True
            return None
        self.served += 1
        return hit

    def keep(self, key: HitKey, hit: Hit) -> None:
        """Keep a response, unless something was bumped since it was read."""
        if hit.note.generation != self.generation:
            return
        self._hits[key] = hit
        for tag in hit.note.tags:
            self._by_tag.setdefault(tag, set()).add(key)
        while len(self._hits) > MAX_KEPT:
            self._drop(next(iter(self._hits)))

    def forget(self, tags: Iterable[str] | None) -> None:
        """Drop what has one of these tags; None: everything."""
        self.generation += 1
        if tags is None:
            self._hits.clear()
            self._by_tag.clear()
            return
        for tag in tags:
            for key in self._by_tag.pop(tag, ()):
                self._drop(key)

    def _drop(self, key: HitKey) -> None:
        hit = self._hits.pop(key, None)
        if hit is None:
            return
        for tag in hit.note.tags:
            keys = self._by_tag.get(tag)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._by_tag[tag]


class CacheHits:
    """Keeps answers that came from the cache, so that `answer_warm` can repeat them.

    A write waits here, for a moment, until the versions of the tags it touched are in Redis.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        runtime = getattr(scope["app"].state, "runtime", None)
        if runtime is None:
            await self.app(scope, receive, send)
        elif scope["method"] == "GET":
            key = _asked(scope).key
            await self.app(scope, receive, _keeping(runtime.hits, key, scope, send))
        else:
            await self.app(scope, receive, _settling(runtime.cache.tags, send))


class _Asked(NamedTuple):
    key: HitKey
    wanted: bytes
    request_id: bytes


def _asked(scope: Scope) -> _Asked:
    wanted = authorization = cookie = request_id = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == b"cookie":
            cookie = value
        elif name == b"if-none-match":
            wanted = value
        elif name == b"x-request-id":
            request_id = value
    key = (scope["path"], scope["query_string"], authorization, cookie)
    return _Asked(key, wanted, request_id)


async def answer_warm(hits: LocalHits, scope: Scope, send: Send) -> Hit | None:
    """Answer a GET with what is kept for this very request; None: nothing is, nothing was sent."""
    key, wanted, given = _asked(scope)
    hit = hits.get(key)
    if hit is None:
        return None
    hit.note.count_hit()
    request_id = (b"x-request-id", request_id_of(given.decode("latin-1")).encode())
    if wanted and hit.note.etag.encode() in wanted:
        start = {"status": 304, "headers": [*hit.not_modified, request_id]}
        body = b""
    else:
        start = {"status": 200, "headers": [*hit.headers, request_id]}
        body = hit.body
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": body})
    return hit


def _keeping(hits: LocalHits, key: HitKey, scope: Scope, send: Send) -> Send:
    start: Message | None = None

    async def kept(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message if message["status"] == 200 and SCOPE_KEY in scope else None
        elif start is not None and not message.get("more_body"):
            hits.keep(key, _hit(scope[SCOPE_KEY], start, message.get("body", b"")))
        await send(message)

    return kept


def _hit(note: Note, start: Message, body: bytes) -> Hit:
    headers = [pair for pair in start["headers"] if pair[0].lower() != b"x-request-id"]
    bare = [pair for pair in headers if pair[0].lower() not in (b"content-length", b"content-type")]
    return Hit(time.monotonic() + KEPT_S, note, headers, body, bare)


def _settling(tags: Tags, send: Send) -> Send:
    async def settled(message: Message) -> None:
        if message["type"] == "http.response.start":
            await tags.settled(within_s=_SETTLE_S)
        await send(message)

    return settled


def route_path(scope: Scope) -> str | None:
    """The path of the route that answers, with its parameters; None when none did."""
    # Routes of included routers know their whole path only in this context.
    context = scope.get("fastapi", {}).get("effective_route_context")
    found = context if context is not None else scope.get("route")
    path: str | None = getattr(found, "path", None)
    return path


def hit_counter(label: str, count: Callable[[], None]) -> Callable[[], None]:
    """Counts a warm hit: in the statistics of the namespace and in the metrics."""
    metric = cache_requests.labels(label, "warm")

    def counted() -> None:
        metric.inc()
        count()

    return counted
