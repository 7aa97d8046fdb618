"""One client per concern, and what happens when its server is away."""

import asyncio
import socket
import time

import pytest
from redis.exceptions import ResponseError

from app.core.redis import Key, Namespace, Namespaces, RedisAway, RedisOptions, statistics
from app.core.redis.breaker import Breaker
from tests.fixtures.redis import RedisServer


def test_namespaces_have_the_promised_databases() -> None:
    assert {namespace.label: int(namespace) for namespace in Namespace} == {
        "default": 1,
        "channels": 2,
        "session": 3,
        "api": 4,
        "pipeline": 5,
        "results": 6,
    }


async def test_the_same_name_is_another_key_in_another_namespace(namespaces: Namespaces) -> None:
    for namespace in (Namespace.API, Namespace.PIPELINE):
        client = namespaces[namespace]
        name = client.name(Key(namespace, "same", 30))
        await client.run(lambda redis, name=name, n=namespace: redis.set(name, n.label, ex=30))  # type: ignore[misc]
    api = namespaces[Namespace.API]
    assert await api.client.get(api.name(Key(Namespace.API, "same", 30))) == b"api"


async def test_statistics_count_what_is_there(namespaces: Namespaces) -> None:
    client = namespaces[Namespace.SESSION]
    await client.run(
        lambda redis: redis.set(client.name(Key(client.namespace, "a", 30)), "x" * 999)
    )
    client.counters.hits, client.counters.misses = 3, 1
    found = {one.namespace: one for one in await statistics(namespaces)}["session"]
    assert found.available
    assert found.keys is not None
    assert found.keys >= 1
    assert found.hit_ratio == 0.75
    if not namespaces.is_local:
        assert found.memory_bytes is not None
        assert found.memory_bytes > 900


async def test_an_error_of_the_command_is_not_an_absent_server(namespaces: Namespaces) -> None:
    client = namespaces[Namespace.API]
    name = client.name(Key(Namespace.API, "text", 30))
    await client.run(lambda redis: redis.set(name, "text", ex=30))
    with pytest.raises(ResponseError):
        await client.run(lambda redis: redis.incr(name))
    assert not client.breaker.is_open


async def test_a_dead_server_costs_one_time_out() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    namespaces = Namespaces(RedisOptions(url=f"redis://127.0.0.1:{port}", timeout_s=0.3))
    client = namespaces[Namespace.API]
    with pytest.raises(RedisAway):
        await client.run(lambda redis: redis.get("x"))
    reached = client.counters.calls
    for _ in range(1000):
        with pytest.raises(RedisAway):
            await client.run(lambda redis: redis.get("x"))
    assert client.counters.calls - reached < 10
    assert client.counters.refused > 900
    assert not namespaces[Namespace.PIPELINE].breaker.is_open
    await namespaces.close()
    silent.close()


async def test_a_restarted_server_is_found_again(redis_server: RedisServer) -> None:
    await redis_server.start()
    namespaces = Namespaces(RedisOptions(url=redis_server.url, timeout_s=0.5))
    client = namespaces[Namespace.API]
    await client.run(lambda redis: redis.set("x", "1"))
    redis_server.stop()
    with pytest.raises(RedisAway):
        await client.run(lambda redis: redis.get("x"))
    await redis_server.start()
    async with asyncio.timeout(20):
        while True:
            try:
                assert await client.run(lambda redis: redis.get("x")) is None
                break
            except RedisAway:
                await asyncio.sleep(0.02)
    assert not client.breaker.is_open
    assert client.breaker.opened == 1
    await namespaces.close()


async def test_a_restart_between_two_calls_is_not_noticed(redis_server: RedisServer) -> None:
    await redis_server.start()
    namespaces = Namespaces(RedisOptions(url=redis_server.url, timeout_s=0.5))
    client = namespaces[Namespace.API]
    await client.run(lambda redis: redis.set("x", "1"))
    redis_server.stop()
    await redis_server.start()
    assert await client.run(lambda redis: redis.get("x")) is None
    await namespaces.close()


async def test_a_namespace_may_have_a_server_of_its_own(redis_server: RedisServer) -> None:
    await redis_server.start()
    namespaces = Namespaces(RedisOptions(urls={"api": f"{redis_server.url}/9"}, prefix="own"))
    await namespaces[Namespace.API].run(lambda redis: redis.set("here", "1", ex=30))
    ninth = Namespaces(RedisOptions(urls={"pipeline": f"{redis_server.url}/9"}, prefix="own"))
    assert await ninth[Namespace.PIPELINE].run(lambda redis: redis.get("here")) == b"1"
    assert await namespaces[Namespace.PIPELINE].run(lambda redis: redis.get("here")) is None
    await namespaces.close()
    await ninth.close()


def test_an_unknown_namespace_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no namespace apis; use default, channels"):
        Namespaces(RedisOptions(urls={"apis": "redis://x"}))


class TestBreaker:
    def test_one_call_tries_after_the_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        breaker = Breaker()
        assert breaker.allows()
        breaker.failed()
        assert not breaker.allows()
        now += 1
        assert breaker.allows()
        assert not breaker.allows()
        breaker.failed()
        now += 0.3
        assert not breaker.allows()
        now += 1
        assert breaker.allows()
        breaker.succeeded()
        assert breaker.allows()
        assert breaker.allows()
        assert breaker.opened == 1

    def test_a_try_that_was_given_up_lets_another_try(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        breaker = Breaker()
        breaker.failed()
        now += 10
        assert breaker.allows()
        breaker.let_go()
        assert breaker.allows()
