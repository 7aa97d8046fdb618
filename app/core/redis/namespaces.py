"""One client per namespace: own pool, own breaker, own counters."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import fakeredis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout

from app.core.metrics import redis_failures
from app.core.redis.breaker import Breaker
from app.core.redis.keys import Key, Namespace

T = TypeVar("T")
AWAY = (RedisConnectionError, RedisTimeout, BusyLoadingError, OSError, TimeoutError)


class RedisAway(Exception):
    """This namespace cannot be reached now: do without it."""


@dataclass(slots=True)
class Counters:
    """What happened in this process since its start."""

    hits: int = 0
    misses: int = 0
    calls: int = 0
    failures: int = 0
    refused: int = 0
    """Calls that the open breaker answered."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Parameters: `url` of the server, None for the one inside this process; `urls` by the label
    of a namespace; `timeout_s` for connecting and for each answer."""

    url: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "ansflow"
    pool_size: int = 16
    timeout_s: float = 1.0


class NamespaceClient:
    """Redis for one namespace. Use it on the loop that made it."""

    def __init__(
        self,
        namespace: Namespace,
        client: "Redis",
        *,
        listening: "Redis",
        prefix: str,
        has_own_url: bool = False,
    ) -> None:
        self.namespace = namespace
        self.has_own_url = has_own_url
        self.client = client
        self.listening = listening
        """For pub/sub: never reconnects by itself, since messages would be lost unnoticed."""
        self.breaker = Breaker()
        self.counters = Counters()
        self._prefix = f"{prefix}:{namespace.label}:"

    @property
    def address(self) -> str:
        """Where the server is, without user and password."""
        given = self.client.connection_pool.connection_kwargs
        return str(given.get("path") or f"{given.get('host')}:{given.get('port', 6379)}")

    def name(self, key: Key) -> str:
        """The full name of a key of this namespace."""
        return self._prefix + key.name

    def channel(self, topic: str) -> str:
        """The name of a pub/sub channel: these ignore database numbers, so the prefix counts."""
        return self._prefix + topic

    @property
    def pattern(self) -> str:
        """Matches all keys of this installation in this namespace."""
        return self._prefix + "*"

    async def run(self, work: Callable[["Redis"], Awaitable[T]]) -> T:
        """Do `work` with the client.

        Raises: RedisAway at once while the breaker is open, else after at most one time-out.
        """
        if not self.breaker.allows():
            self.counters.refused += 1
            raise RedisAway(f"Redis ({self.namespace.label}) is away")
        self.counters.calls += 1
        try:
            result = await work(self.client)
        except AWAY as error:
            self.counters.failures += 1
            redis_failures.labels(self.namespace.label).inc()
            self.breaker.failed()
            raise RedisAway(f"Redis ({self.namespace.label}) is away: {error}") from error
        except RedisError:
            # The server answered: it is there.
            self.breaker.succeeded()
            raise
        except BaseException:
            self.breaker.let_go()
            raise
        self.breaker.succeeded()
        return result

    async def ping(self) -> None:
        """Ask the server itself, whatever the breaker says.

        Raises: RedisAway.
        """
        try:
            await self.client.ping()
        except AWAY as error:
            raise RedisAway(f"Redis ({self.namespace.label}) is away: {error}") from error


class Namespaces:
    """All namespaces of one process and event loop.

    Parameters: `server` shares one in-process server (`fakeredis.FakeServer`) between loops; it is
    only used without a URL.
    """

    def __init__(self, options: RedisOptions, *, server: Any = None) -> None:
        unknown = sorted(set(options.urls) - {namespace.label for namespace in Namespace})
        if unknown:
            known = ", ".join(namespace.label for namespace in Namespace)
            raise ValueError(f"ANSFLOW_REDIS__URLS: no namespace {', '.join(unknown)}; use {known}")
        self.options = options
        self._server = server or fakeredis.FakeServer()
        self._clients = {
            namespace: NamespaceClient(
                namespace,
                self._client(namespace, retries=1),
                listening=self._client(namespace, retries=0),
                prefix=options.prefix,
                has_own_url=namespace.label in options.urls,
            )
            for namespace in Namespace
        }

    def __getitem__(self, namespace: Namespace) -> NamespaceClient:
        return self._clients[namespace]

    def __iter__(self) -> Any:
        return iter(self._clients.values())

    @property
    def is_local(self) -> bool:
        """True when the server is inside this process."""
        return self.options.url is None and not self.options.urls

    def _client(self, namespace: Namespace, *, retries: int) -> "Redis":
        url = self.options.urls.get(namespace.label)
        url = _with_database(url or self.options.url, namespace, own=url is not None)
        if url is None:
            return fakeredis.FakeAsyncRedis(server=self._server, db=int(namespace))
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=self.options.pool_size,
            timeout=self.options.timeout_s,
            protocol=3,
            socket_timeout=self.options.timeout_s,
            socket_connect_timeout=self.options.timeout_s,
            # Once, at once: a pooled connection is dead after the server restarted, the server
            # is not. Everything we send may be sent twice.
            retry=Retry(NoBackoff(), retries, supported_errors=(RedisConnectionError,)),
        )
        return Redis(connection_pool=pool)

    async def close(self) -> None:
        """Close all connections."""
        for one in self._clients.values():
            for client in (one.client, one.listening):
                await client.aclose()
                await client.connection_pool.disconnect()


def _with_database(url: str | None, namespace: Namespace, *, own: bool) -> str | None:
    """The URL with the number of the namespace, unless the namespace's own URL names one."""
    if url is None:
        return None
    parts = urlsplit(url)
    is_file = parts.scheme == "unix"
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    named = query.get("db") or ("" if is_file else parts.path.strip("/"))
    if own and named:
        return url
    if named not in ("", "0"):
        raise ValueError(
            f"ANSFLOW_REDIS__URL names database {named}, but each concern has a database of its "
            "own, 1 to 6: leave the number out, or give single concerns a URL in "
            "ANSFLOW_REDIS__URLS"
        )
    query["db"] = str(int(namespace))
    path = parts.path if is_file else ""
    return urlunsplit(parts._replace(path=path, query=urlencode(query)))


async def stop_task(task: "asyncio.Task[Any]") -> None:
    """Cancel until it is done: under Python 3.11 redis-py may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
