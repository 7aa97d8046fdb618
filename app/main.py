"""The ASGI application: its parts, their life and the order of the middleware."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

from fastapi import Depends, FastAPI
from prometheus_fastapi_instrumentator import Instrumentator, metrics
from starlette.types import Receive, Scope, Send

from app import __version__, api, health
from app.auth.authentication import Authenticator
from app.auth.copies import open_copies
from app.configuration.service import forget
from app.core import openapi, problems, route_times
from app.core.cache import Cache, CacheHits, LocalHits, Tags, answer_warm
from app.core.db import Database
from app.core.middleware import BodyLimit, ErrorBoundary, RequestContext, SecurityHeaders
from app.core.middleware_etag import EntityTags
from app.core.middleware_head import HeadRequests
from app.core.redis import Namespace, Namespaces, RedisOptions, stop_task
from app.events import EventBus, LocalBus, RedisBus, bind
from app.jobs.dead_letters import DeadLetters, RabbitDeadLetters
from app.jobs.depths import Depths, RabbitDepths
from app.jobs.publisher import Publisher, RabbitPublisher
from app.jobs.relay import Relay
from app.jobs.tags import BUMP
from app.logs import archive
from app.logs.archive import LogStore
from app.realtime.entry import Realtime, RealtimeSockets
from app.realtime.invalidation import open_cache
from app.realtime.opening import open_realtime
from app.settings import Mode, Settings

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
}


class EmbeddedParts(Protocol):
    """What the worker inside this process shares with the server (embedded mode)."""

    bus: LocalBus
    redis_server: Any
    publisher: Publisher
    depths: Depths
    dead_letters: DeadLetters


@dataclass(slots=True)
class Runtime:
    """What lives as long as the application serves; endpoints reach it by dependencies.

    `relay`, `depths` and `dead_letters` are None where nothing takes messages: an
    embedded server without its worker.
    """

    settings: Settings
    database: Database
    redis: Namespaces
    events: EventBus
    authenticator: Authenticator
    depths: Depths | None
    relay: Relay | None
    realtime: Realtime
    cache: Cache
    hits: LocalHits
    dead_letters: DeadLetters | None


class AnsFlow(FastAPI):
    """The application. Warm hits of the cache are answered before all of its middleware."""

    hits: LocalHits | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one socket."""
        if self.hits is not None and scope["type"] == "http" and scope["method"] == "GET":
            began = time.perf_counter()
            hit = await answer_warm(self.hits, scope, send)
            if hit is not None:
                route, seconds = ("GET", hit.note.route), time.perf_counter() - began
                route_times.count(self.state.route_times, route, seconds, 200, hit=True)
                return
        await super().__call__(scope, receive, send)


def create_app(settings: Settings, *, embedded: EmbeddedParts | None = None) -> AnsFlow:
    """Build the application. Nothing is opened before its lifespan begins.

    Parameters: `settings` is looked up once more when the lifespan begins (`app.state.settings`);
    `embedded` is given when a worker lives in this process.
    """
    app = AnsFlow(
        title="AnsFlow",
        version=__version__,
        summary="Self-hosted CI/CD: pipelines in GitHub Actions syntax, live",
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.embedded = embedded
    problems.install(app)
    openapi.install(app)
    _add_middleware(app, settings)
    api.include(app)
    return app


@cache
def _request_metrics() -> Callable[[metrics.Info], None]:
    # Once per process: a second application in it counts with the same metrics.
    made = metrics.default()
    assert made is not None
    return made


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """From the innermost to the outermost: a request passes them upwards from the last line."""
    app.add_middleware(EntityTags)
    app.add_middleware(HeadRequests)
    app.add_middleware(BodyLimit, max_bytes=settings.server.max_body_bytes)
    Instrumentator(
        should_group_status_codes=False,
        should_instrument_requests_inprogress=False,
        excluded_handlers=["/metrics", "/health.*"],
    ).add(_request_metrics()).instrument(app).expose(
        app, include_in_schema=False, dependencies=[api.Public, Depends(health.sample)]
    )
    app.add_middleware(ErrorBoundary)
    app.add_middleware(openapi.ViewerPolicy)
    app.add_middleware(SecurityHeaders, headers=_headers(settings))
    app.add_middleware(RequestContext)
    app.add_middleware(CacheHits)
    app.state.route_times = {}
    app.add_middleware(route_times.RouteClock, times=app.state.route_times)
    # Outermost: the layers inside wrap `send`, and these sockets write to the transport itself.
    app.add_middleware(RealtimeSockets)


def _headers(settings: Settings) -> dict[str, str]:
    if not settings.server.production:
        return HEADERS
    return HEADERS | {"Strict-Transport-Security": "max-age=31536000"}


@asynccontextmanager
async def _lifespan(app: AnsFlow) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        app.state.runtime = await _open(app.state.settings, app.state.embedded, stack)
        app.hits = app.state.runtime.hits
        yield
        app.hits = None


async def _open(
    settings: Settings, embedded: EmbeddedParts | None, stack: AsyncExitStack
) -> Runtime:
    """Open all parts; the stack closes them in the opposite order."""
    database = Database(
        settings.database_url,
        pool_size=settings.database.pool_size,
        pool_timeout_s=settings.database.pool_timeout_s,
        insert_returning=settings.database.insert_returning,
    )
    stack.push_async_callback(database.close)
    archive.attach(database, LogStore(settings.log_archive_url))
    redis = Namespaces(_redis_options(settings), server=embedded.redis_server if embedded else None)
    stack.push_async_callback(redis.close)
    events = _open_events(settings, embedded, redis, stack)
    bind(events, database)
    cached = await stack.enter_async_context(open_cache(database, redis, events))
    cached.tags.forget.append(partial(forget, database))
    depths, relay = _open_queues(settings, embedded, database, cached.tags, stack)
    idle_s = settings.security.session_idle_s
    copies = open_copies(redis[Namespace.SESSION], database, events, session_idle_s=idle_s)
    stack.push_async_callback(copies.close)
    authenticator = Authenticator(database, session_idle_s=idle_s, copies=copies)
    realtime = await stack.enter_async_context(
        open_realtime(settings, database, namespaces=redis, bus=events)
    )
    return Runtime(
        settings,
        database,
        redis,
        events,
        authenticator,
        depths,
        relay,
        realtime,
        cached.cache,
        cached.hits,
        _dead_letters(settings, embedded),
    )


def _redis_options(settings: Settings) -> RedisOptions:
    url = settings.redis.url
    return RedisOptions(
        url=url.get_secret_value() if url else None,
        urls={name: each.get_secret_value() for name, each in settings.redis.urls.items()},
        prefix=settings.redis.prefix,
        pool_size=settings.redis.pool_size,
        timeout_s=settings.redis.timeout_s,
    )


def _open_events(
    settings: Settings, embedded: EmbeddedParts | None, redis: Namespaces, stack: AsyncExitStack
) -> EventBus:
    if embedded is not None:
        return embedded.bus
    bus = LocalBus() if settings.mode is Mode.EMBEDDED else RedisBus(redis[Namespace.CHANNELS])
    stack.push_async_callback(bus.close)
    return bus


def _dead_letters(settings: Settings, embedded: EmbeddedParts | None) -> DeadLetters | None:
    if embedded is not None:
        return embedded.dead_letters
    if settings.rabbitmq.url is None:
        return None
    url = settings.rabbitmq.url.get_secret_value()
    return RabbitDeadLetters(url, prefix=settings.rabbitmq.prefix)


def _open_queues(
    settings: Settings,
    embedded: EmbeddedParts | None,
    database: Database,
    tags: Tags,
    stack: AsyncExitStack,
) -> tuple[Depths | None, Relay | None]:
    depths: Depths
    publisher: Publisher
    if embedded is not None:
        depths, publisher = embedded.depths, embedded.publisher
    elif settings.rabbitmq.url is not None:
        url, prefix = settings.rabbitmq.url.get_secret_value(), settings.rabbitmq.prefix
        depths = RabbitDepths(url, prefix=prefix)
        publisher = RabbitPublisher(
            url,
            prefix=prefix,
            quorum=settings.rabbitmq.quorum_queues,
            timeout_s=settings.rabbitmq.publish_timeout_s,
        )
        stack.push_async_callback(depths.close)
        stack.push_async_callback(publisher.close)
    else:
        return None, None
    relay = Relay(database, publisher, effects={BUMP: tags.effect})
    tags.finished = relay.done
    stack.push_async_callback(stop_task, asyncio.create_task(relay.run(), name="relay"))
    return depths, relay
