"""Events reach whoever subscribed, after the commit and never before."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from app.core.clock import new_id
from app.core.db import Database
from app.core.log_chunks import Times, compress, encode_times
from app.engine.states import ExecutionStatus
from app.events import ExecutionChanged, LocalBus, Message, bind, log_written, publish_after_commit
from app.events.bus import messages_of, pack, unpack
from app.events.topics import execution
from tests.polling import until


def changed(execution_id: UUID, seq: int) -> ExecutionChanged:
    return ExecutionChanged(
        seq=seq,
        execution_id=execution_id,
        pipeline_id=new_id(),
        project_id=new_id(),
        number=1,
        status=ExecutionStatus.RUNNING,
    )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'events.db'}")
    yield database
    await database.close()


async def test_an_event_is_published_after_the_commit(database: Database) -> None:
    bus, heard = LocalBus(), list[Message]()
    bind(bus, database)
    one = new_id()
    await bus.subscribe(execution(one), heard.append)
    async with database.session() as session:
        publish_after_commit(session, changed(one, 1))
        await asyncio.sleep(0)
        assert heard == []
    await until(lambda: len(heard) == 1)
    envelope = json.loads(heard[0].body)
    assert envelope["type"] == "execution.changed"
    assert envelope["topic"] == execution(one)
    assert envelope["seq"] == 1
    assert envelope["data"]["status"] == "running"


async def test_a_rollback_publishes_nothing(database: Database) -> None:
    bus, heard = LocalBus(), list[Message]()
    bind(bus, database)
    one, two = new_id(), new_id()
    await bus.subscribe(execution(one), heard.append)
    await bus.subscribe(execution(two), heard.append)

    async def fails() -> None:
        async with database.session() as session:
            publish_after_commit(session, changed(one, 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    async with database.session() as session:
        publish_after_commit(session, changed(two, 1))
    await until(lambda: len(heard) == 1)
    assert heard[0].topic == execution(two)


async def test_without_a_bus_a_transaction_commits_as_ever(database: Database) -> None:
    async with database.session() as session:
        publish_after_commit(session, changed(new_id(), 1))


async def test_another_thread_may_publish() -> None:
    bus, heard = LocalBus(), list[tuple[int, int | None]]()
    one = new_id()
    here = threading.get_ident()
    await bus.subscribe(execution(one), lambda m: heard.append((threading.get_ident(), m.first)))
    for seq in (1, 2, 3):
        await asyncio.to_thread(bus.publish, [changed(one, seq)])
    await until(lambda: len(heard) == 3)
    assert heard == [(here, 1), (here, 2), (here, 3)]


async def test_a_closed_loop_of_another_subscriber_stops_nobody() -> None:
    bus, heard = LocalBus(), list[Message]()
    one = new_id()
    await asyncio.to_thread(asyncio.run, bus.subscribe(execution(one), lambda _: None))
    await bus.subscribe(execution(one), heard.append)
    bus.publish([changed(one, 1)])
    await until(lambda: len(heard) == 1)


def test_a_large_chunk_is_announced_and_a_small_one_travels() -> None:
    def event(text: bytes, *, whole: bool = False) -> Message:
        lines = text.count(b"\n")
        chunk = log_written(
            job_id=new_id(),
            step_id=new_id(),
            index=0,
            attempt=1,
            first_line=11,
            line_count=lines,
            raw_bytes=len(text),
            data=compress(text),
            times=encode_times(Times([(lines, 100)])),
            whole=whole,
        )
        (message,) = messages_of([chunk])
        return unpack(message.topic, pack(message))

    small = event(b"a\nb|c\n")
    assert (small.first, small.last) == (11, 12)
    assert json.loads(small.body)["data"]["text"] == "a\nb|c\n"
    assert json.loads(small.body)["data"]["times"] == [[2, 1000]]
    large = event(b"x" * 40_000 + b"\n")
    assert (large.first, large.last, large.body) == (11, 11, b"")
    assert event(b"x" * 40_000 + b"\n", whole=True).body
