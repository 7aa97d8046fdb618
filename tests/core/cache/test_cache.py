"""What the cache promises, with the interleavings that could break it forced."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from app.core.cache import Cache, Spec, Tags
from app.core.cache.entries import Entry
from app.core.db import Database, ReadSession
from app.core.errors import Unavailable
from app.core.redis import Namespace, Namespaces, RedisOptions
from tests.fixtures.redis import RedisServer
from tests.polling import until


class Origin:
    """The value behind the cache; `gate` holds a computation after it has read."""

    def __init__(self) -> None:
        self.value = 0
        self.computed = 0
        self.reading = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False

    async def __call__(self, _session: ReadSession) -> bytes:
        self.computed += 1
        if self.away:
            raise Unavailable("the database cannot be reached")
        value = self.value
        self.reading.set()
        await self.gate.wait()
        return str(value).encode()


Process = tuple[Cache, Tags]
Open = Callable[[Namespaces], Awaitable[Process]]


@pytest.fixture
async def database(tmp_path: object) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/cache.db")
    yield opened
    await opened.close()


@pytest.fixture
async def open_process(database: Database) -> AsyncIterator[Open]:
    """A process's cache; several over one Redis are several processes."""
    async with AsyncExitStack() as stack:

        async def opened(namespaces: Namespaces) -> Process:
            tags = Tags(namespaces, lambda _tags: None)
            stack.push_async_callback(tags.close)
            return Cache(database, namespaces, tags), tags

        yield opened


SPEC = Spec(Namespace.PIPELINE, "list?page=1", 60, ("pipelines", "executions"), ("rights",))


async def test_a_second_read_is_a_hit(namespaces: Namespaces, open_process: Open) -> None:
    (cache, _), origin = await open_process(namespaces), Origin()
    first = await cache.get(SPEC, origin)
    second = await cache.get(SPEC, origin)
    assert (first.hit, second.hit) == (False, True)
    assert first.entry.etag == second.entry.etag
    assert origin.computed == 1


async def test_another_key_is_another_entry(namespaces: Namespaces, open_process: Open) -> None:
    (cache, _), origin = await open_process(namespaces), Origin()
    await cache.get(SPEC, origin)
    origin.value = 1
    other = Spec(SPEC.namespace, "list?page=2", 60, SPEC.tags, SPEC.rights)
    assert (await cache.get(other, origin)).entry.body == b"1"


async def test_the_writer_never_reads_older_data(
    namespaces: Namespaces, open_process: Open
) -> None:
    (cache, tags), origin = await open_process(namespaces), Origin()
    for value in range(1, 20):
        await cache.get(SPEC, origin)
        origin.value = value
        tags.written(["executions:x" if value % 2 else "pipelines", "executions"])
        assert (await cache.get(SPEC, origin)).entry.body == str(value).encode()


async def test_a_value_read_before_a_write_is_never_served_after_it(
    namespaces: Namespaces, open_process: Open
) -> None:
    """Compute reads, a write commits and bumps, then compute stores what is old by now."""
    (cache, tags), origin = await open_process(namespaces), Origin()
    (other, _) = await open_process(namespaces)
    origin.gate.clear()
    slow = asyncio.create_task(cache.get(SPEC, origin))
    await origin.reading.wait()
    origin.value = 1
    await tags.bump(["pipelines"])
    origin.gate.set()
    assert (await slow).entry.body == b"0"  # asked before the write
    assert (await cache.get(SPEC, origin)).entry.body == b"1"
    assert (await other.get(SPEC, origin)).entry.body == b"1"


async def test_those_who_ask_after_a_write_do_not_wait_for_an_older_flight(
    namespaces: Namespaces, open_process: Open
) -> None:
    (cache, tags), origin = await open_process(namespaces), Origin()
    origin.gate.clear()
    slow = asyncio.create_task(cache.get(SPEC, origin))
    await origin.reading.wait()
    origin.value = 1
    await tags.bump(["pipelines"])
    fresh = asyncio.create_task(cache.get(SPEC, origin))
    await until(lambda: origin.computed == 2)
    origin.gate.set()
    assert (await fresh).entry.body == b"1"
    await slow


async def test_another_process_sees_a_bump(namespaces: Namespaces, open_process: Open) -> None:
    (one, tags), origin = await open_process(namespaces), Origin()
    (two, _) = await open_process(namespaces)
    await one.get(SPEC, origin)
    assert (await two.get(SPEC, origin)).hit
    origin.value = 1
    tags.written(["executions"])
    await until(lambda: not tags.is_dirty(["executions"]))
    assert (await two.get(SPEC, origin)).entry.body == b"1"


async def test_a_flight_is_shared_between_processes(
    namespaces: Namespaces, open_process: Open
) -> None:
    (one, _), origin = await open_process(namespaces), Origin()
    (two, _) = await open_process(namespaces)
    origin.gate.clear()
    asking = [asyncio.create_task(cache.get(SPEC, origin)) for cache in [one, two] * 50]
    await origin.reading.wait()
    origin.gate.set()
    answers = await asyncio.gather(*asking)
    assert {answer.entry.body for answer in answers} == {b"0"}
    assert origin.computed == 1


async def test_a_failed_computation_fails_for_all_and_is_tried_again(
    namespaces: Namespaces, open_process: Open
) -> None:
    (cache, _), origin = await open_process(namespaces), Origin()
    origin.away = True
    results = await asyncio.gather(
        *(cache.get(SPEC, origin) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, Unavailable) for result in results)
    origin.away = False
    assert (await cache.get(SPEC, origin)).entry.body == b"0"


async def test_a_stranger_who_flushes_costs_only_time(
    redis_server: RedisServer, open_process: Open
) -> None:
    await redis_server.start()
    namespaces = Namespaces(RedisOptions(url=redis_server.url))
    (cache, tags), origin = await open_process(namespaces), Origin()
    await cache.get(SPEC, origin)
    await namespaces[Namespace.PIPELINE].client.flushall()
    origin.value = 1
    assert (await cache.get(SPEC, origin)).entry.body == b"1"
    assert (await cache.get(SPEC, origin)).hit
    await tags.close()
    await namespaces.close()


class TestDatabaseAway:
    async def test_the_last_known_is_served_and_marked(
        self, namespaces: Namespaces, open_process: Open
    ) -> None:
        (cache, tags), origin = await open_process(namespaces), Origin()
        await cache.get(SPEC, origin)
        await tags.bump(["pipelines"])
        origin.away = True
        found = await cache.get(SPEC, origin)
        assert found.is_stale
        assert not found.keepable
        assert found.entry.body == b"0"

    async def test_never_past_a_change_of_rights(
        self, namespaces: Namespaces, open_process: Open
    ) -> None:
        (cache, tags), origin = await open_process(namespaces), Origin()
        await cache.get(SPEC, origin)
        await tags.bump(["rights"])
        origin.away = True
        with pytest.raises(Unavailable):
            await cache.get(SPEC, origin)


class TestRedisAway:
    async def test_everything_is_computed_and_nothing_older_is_used_afterwards(
        self, redis_server: RedisServer, open_process: Open
    ) -> None:
        await redis_server.start()
        namespaces = Namespaces(RedisOptions(url=redis_server.url, timeout_s=0.5))
        (cache, tags), origin = await open_process(namespaces), Origin()
        await cache.get(SPEC, origin)
        redis_server.stop()
        for value in range(1, 4):
            origin.value = value
            tags.written(["executions"])
            assert (await cache.get(SPEC, origin)).entry.body == str(value).encode()
        await redis_server.start()
        origin.value = 9
        tags.written(["executions"])
        assert (await cache.get(SPEC, origin)).entry.body == b"9"
        await until(lambda: not tags.is_dirty(["executions"]))
        assert (await cache.get(SPEC, origin)).entry.body == b"9"
        await tags.close()
        await namespaces.close()

    async def test_an_entry_from_before_the_outage_is_not_used(
        self, namespaces: Namespaces, open_process: Open
    ) -> None:
        (cache, _), origin = await open_process(namespaces), Origin()
        await cache.get(SPEC, origin)
        await asyncio.sleep(0.05)  # what was stored must be older than what follows
        breaker = namespaces[Namespace.PIPELINE].breaker
        breaker.failed()
        breaker.succeeded()
        origin.value = 1
        assert (await cache.get(SPEC, origin)).entry.body == b"1"


async def test_purging_a_namespace_leaves_the_others(
    namespaces: Namespaces, open_process: Open
) -> None:
    (cache, _), origin = await open_process(namespaces), Origin()
    api = Spec(Namespace.API, SPEC.key, 60, SPEC.tags, SPEC.rights)
    await cache.get(SPEC, origin)
    await cache.get(api, origin)
    assert await cache.purge_namespace(Namespace.PIPELINE) == 1
    assert (await cache.get(api, origin)).hit
    assert not (await cache.get(SPEC, origin)).hit


def test_entries_survive_packing() -> None:
    for body in (b"", b"{}", b"x" * 100_000, b"\n\n"):
        entry = Entry.of(body, ("a", "b"))
        assert Entry.unpacked(entry.packed()) == entry
    assert Entry.unpacked(b"") is None
    assert Entry.unpacked(b"something else") is None
    assert Entry.unpacked(b'{"etag": "x"}\n') is None


async def test_only_aggregates_wait_for_the_pause(
    namespaces: Namespaces, open_process: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.cache.tags.PAUSE_S", 3600.0)
    _, tags = await open_process(namespaces)
    for wanted in (["pipelines"], ["pipelines", "executions"]):
        tags.written(wanted)
        await tags.settled(within_s=20)
        assert not tags.is_dirty(wanted)
    # Somebody waits for what is written while an aggregate pauses.
    tags.written(["executions"])
    await asyncio.sleep(0.05)
    assert tags.is_dirty(["executions"])
    tags.written(["pipelines"])
    await tags.settled(within_s=20)
    assert not tags.is_dirty(["pipelines", "executions"])
