"""The bus between processes, on the Redis in the process and on a real one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core.clock import new_id
from app.core.redis import Namespace, Namespaces, RedisOptions
from app.events import Message, RedisBus
from app.events.topics import execution
from tests.events.test_bus import changed
from tests.fixtures.redis import RedisServer
from tests.polling import until


@pytest.fixture
async def bus(namespaces: Namespaces) -> AsyncIterator[RedisBus]:
    opened = RedisBus(namespaces[Namespace.CHANNELS], ping_s=0.5)
    yield opened
    await opened.close()


async def test_messages_come_in_order_and_only_of_the_topic(bus: RedisBus) -> None:
    one, other = new_id(), new_id()
    heard: list[Message] = []
    assert await bus.subscribe(execution(one), heard.append)
    bus.publish([changed(other, 1), *(changed(one, seq) for seq in range(1, 301))])
    await until(lambda: len(heard) >= 300)
    assert [message.first for message in heard] == list(range(1, 301))
    assert {message.topic for message in heard} == {execution(one)}


async def test_a_subscription_is_active_when_subscribe_returns(bus: RedisBus) -> None:
    for _ in range(20):
        one, heard = new_id(), list[Message]()
        assert await bus.subscribe(execution(one), heard.append)
        bus.publish([changed(one, 1)])
        await until(lambda heard=heard: len(heard) == 1)  # type: ignore[misc]


async def test_nothing_comes_after_the_topic_is_left(bus: RedisBus) -> None:
    one, left, kept = new_id(), list[Message](), list[Message]()
    await bus.subscribe(execution(one), left.append)
    await bus.subscribe(execution(one), kept.append)
    bus.unsubscribe(execution(one), left.append)
    bus.publish([changed(one, 1)])
    await until(lambda: len(kept) == 1)
    assert left == []


async def test_a_topic_that_is_wanted_again_is_heard(bus: RedisBus) -> None:
    one, heard = new_id(), list[Message]()
    for _ in range(3):
        await bus.subscribe(execution(one), heard.append)
        bus.unsubscribe(execution(one), heard.append)
    assert await bus.subscribe(execution(one), heard.append)
    bus.publish([changed(one, 1)])
    await until(lambda: len(heard) == 1)


async def test_another_thread_may_publish(bus: RedisBus) -> None:
    one, heard = new_id(), list[Message]()
    await bus.subscribe(execution(one), heard.append)
    await asyncio.to_thread(bus.publish, [changed(one, 1)])
    await until(lambda: len(heard) == 1)


async def test_foreign_messages_are_skipped(bus: RedisBus, namespaces: Namespaces) -> None:
    one, heard = new_id(), list[Message]()
    await bus.subscribe(execution(one), heard.append)
    client = namespaces[Namespace.CHANNELS]
    await client.client.publish(client.channel(execution(one)), b"\xff not ours")
    bus.publish([changed(one, 1)])
    await until(lambda: len(heard) == 1)


async def test_a_restart_of_the_server_is_survived_and_told(redis_server: RedisServer) -> None:
    await redis_server.start()
    namespaces = Namespaces(RedisOptions(url=redis_server.url, timeout_s=0.5))
    bus = RedisBus(namespaces[Namespace.CHANNELS], ping_s=0.5)
    one, two = new_id(), new_id()
    heard: list[Message] = []
    restored: list[bool] = []
    bus.on_restored(lambda: restored.append(True))
    try:
        assert await bus.subscribe(execution(one), heard.append)
        redis_server.stop()
        await until(lambda: not bus.is_listening)
        bus.publish([changed(one, 1)])
        await until(lambda: bus.dropped >= 1)
        assert not await bus.subscribe(execution(two), heard.append)
        await redis_server.start()
        await until(lambda: bool(restored))
        bus.publish([changed(two, 2)])
        # The breaker lets the first try through after its pause; what it refuses is dropped.
        async with asyncio.timeout(20):
            while not any(message.topic == execution(one) for message in heard):
                bus.publish([changed(one, 3)])
                await asyncio.sleep(0.05)
    finally:
        await bus.close()
        await namespaces.close()
