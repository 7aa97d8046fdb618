"""From the outbox to a queue, by one process or another."""

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from app.core.clock import db_now, new_id
from app.core.db import Database
from app.core.metrics import outbox_lag
from app.jobs import outbox
from app.jobs.catalog import RunJob
from app.jobs.models import OutboxRow
from app.jobs.outbox import Outgoing, Queued, enqueue, enqueue_all, enqueue_rows
from app.jobs.publisher import LocalPublisher, Publisher, RabbitPublisher
from app.jobs.relay import Relay
from tests.fixtures.databases import DatabaseUnderTest
from tests.jobs.rabbit import Proxy, Rabbit

Open = Callable[..., Awaitable[Relay]]


class Mailbox:
    """Where messages end: their job ids in order. It answers none by itself."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.ids: list[uuid.UUID] = []
        self.publisher = LocalPublisher(self._deliver)

    def _deliver(self, _queue: str, encoded: bytes) -> None:
        message = json.loads(encoded)
        self.jobs.append(message["kwargs"]["job_id"])
        self.ids.append(uuid.UUID(message["message_id"]))

    def answer_all(self) -> None:
        """A worker has done with everything."""
        for message_id in self.ids:
            self.publisher.answered(message_id)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Relay]:
    """The relay at work; ended at the end."""
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0)
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait({task})


async def write(database: Database, **options: Any) -> str:
    """Commit one message; its job id."""
    message = RunJob(job_id=new_id(), attempt=1)
    async with database.session() as session:
        await enqueue(session, message, **options)
    return str(message.job_id)


async def count(database: Database) -> int:
    async with database.read() as session:
        return (await session.scalar(select(func.count()).select_from(OutboxRow))) or 0


async def until(holds: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Poll for what must come to be."""
    async with asyncio.timeout(20):
        while True:
            result = holds()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.01)


async def make_old(database: Database, *, seconds: float = 60) -> None:
    """Let all rows be as old as those of a process that died."""
    async with database.session() as session:
        await session.execute(
            update(OutboxRow).values(created_at=db_now(-seconds), not_before=db_now(-seconds))
        )


class TestFastPath:
    async def test_a_commit_is_published_without_reading_the_outbox(
        self, database: Database, rabbit: Rabbit
    ) -> None:
        publisher = RabbitPublisher(rabbit.url, prefix=rabbit.prefix)
        statements: list[str] = []
        event.listen(
            database.engine.sync_engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: statements.append(statement.split()[0]),
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(publisher.close)
            await stack.enter_async_context(running(Relay(database, publisher, poll_s=60)))
            await until(lambda: "SELECT" in statements)
            statements.clear()
            job = await write(database)
            await until(lambda: "DELETE" in statements)
        # The end of the relay may have cut the DELETE short; then it was repeated.
        assert [each for each in statements if each != "BEGIN"][:2] == ["INSERT", "DELETE"]
        assert not {"SELECT", "UPDATE"} & set(statements)
        body = rabbit.take("high_priority")
        assert body is not None
        assert job in body.decode()

    async def test_a_local_message_stays_until_a_worker_answered_it(
        self, database: Database, mailbox: Mailbox
    ) -> None:
        async with running(Relay(database, mailbox.publisher)):
            job = await write(database)
            await until(lambda: mailbox.jobs == [job])
            assert await count(database) == 1
            mailbox.answer_all()

            async def is_empty() -> bool:
                return await count(database) == 0

            await until(is_empty)
        # Once more is allowed: the poll may have read the row while it was handed over.
        assert set(mailbox.jobs) == {job}


class TestPoll:
    async def test_rows_of_a_dead_process_are_published(
        self, database: Database, mailbox: Mailbox
    ) -> None:
        jobs = {await write(database) for _ in range(3)}
        await make_old(database)
        async with running(Relay(database, mailbox.publisher)):
            await until(lambda: set(mailbox.jobs) == jobs)

    async def test_young_rows_are_left_to_the_process_that_wrote_them(
        self, database: Database, mailbox: Mailbox
    ) -> None:
        class Dead:
            origin = new_id()

            def accept(self, rows: object) -> None: ...
            def remind(self, delay_s: float) -> None: ...

        outbox.attach(database, Dead())
        theirs = await write(database)
        outbox.detach(database)
        nobodys = await write(database)
        async with running(Relay(database, mailbox.publisher, poll_s=0.05)):
            await until(lambda: len(mailbox.jobs) == 2)
        assert mailbox.jobs == [nobodys, theirs]

    async def test_a_delayed_message_comes_after_its_time(
        self, database: Database, mailbox: Mailbox
    ) -> None:
        async with running(Relay(database, mailbox.publisher, poll_s=30)):
            async with database.read() as session:
                now = await session.scalar(select(db_now()))
            assert now is not None
            late = await write(database, not_before=now + timedelta(seconds=0.6))
            soon = await write(database)
            await until(lambda: mailbox.jobs == [soon])
            await until(lambda: mailbox.jobs == [soon, late])
            async with database.read() as session:
                due = await session.scalar(select(db_now() >= now + timedelta(seconds=0.6)))
        assert due

    async def test_two_processes_share_a_heap_and_publish_nothing_twice(
        self, database_under_test: DatabaseUnderTest, database: Database
    ) -> None:
        async with database.session() as session:
            messages = [RunJob(job_id=new_id(), attempt=1) for _ in range(500)]
            await enqueue_all(session, [Queued(message) for message in messages])
        await make_old(database)
        boxes = [Mailbox(), Mailbox()]
        async with AsyncExitStack() as stack:
            for box in boxes:
                own = Database(database_under_test.url)
                stack.push_async_callback(own.close)
                await stack.enter_async_context(running(Relay(own, box.publisher, poll_s=0.05)))
            await until(lambda: sum(len(box.jobs) for box in boxes) >= 500)
        published = boxes[0].jobs + boxes[1].jobs
        assert sorted(published) == sorted(str(message.job_id) for message in messages)

    async def test_lag_is_the_age_of_the_oldest_due_row(
        self, database: Database, mailbox: Mailbox
    ) -> None:
        await write(database)
        await make_old(database, seconds=90)
        async with running(Relay(database, mailbox.publisher)):
            await until(lambda: len(mailbox.jobs) == 1)
        assert outbox_lag._value.get() == pytest.approx(90, abs=30)  # noqa: SLF001  no reader


class TestRabbitAway:
    async def test_rows_stay_and_are_published_when_it_is_back(
        self, database: Database, rabbit: Rabbit, proxy: Proxy
    ) -> None:
        proxy.close()
        publisher = RabbitPublisher(proxy.url, prefix=rabbit.prefix, timeout_s=2)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(publisher.close)
            await stack.enter_async_context(running(Relay(database, publisher, poll_s=0.05)))
            for _ in range(5):
                await write(database)
            assert await count(database) == 5
            proxy.open()

            async def is_empty() -> bool:
                return await count(database) == 0

            await until(is_empty)
        assert rabbit.ready("high_priority") == 5


class TestEffects:
    async def test_an_effect_is_done_here_and_not_published(
        self, database: Database, mailbox: Mailbox
    ) -> None:
        done: list[Mapping[str, Any]] = []

        async def bump(body: Mapping[str, Any]) -> None:
            done.append(body)

        relay = Relay(database, mailbox.publisher, effects={"tags.bump": bump})
        async with running(relay):
            row = Outgoing(new_id(), "tags.bump", "", {"tags": ["a"]})
            async with database.session() as session:
                await enqueue_rows(session, [(row, None)])

            async def is_empty() -> bool:
                return await count(database) == 0

            await until(is_empty)
        # Once more is allowed: the poll may have read the row while it was handed over.
        assert done
        assert all(body == {"tags": ["a"]} for body in done)
        assert mailbox.jobs == []


_WRITES_AND_HANGS = """
import asyncio, sys, time, uuid
from app import models
from app.core.clock import new_id
from app.core.db import Database
from app.jobs import outbox
from app.jobs.catalog import RunJob

class Hangs:
    origin = new_id()
    def accept(self, rows):
        print("committed", flush=True)
        time.sleep(600)

async def main():
    database = Database(sys.argv[1])
    outbox.attach(database, Hangs())
    async with database.session() as session:
        await outbox.enqueue(session, RunJob(job_id=uuid.UUID(sys.argv[2]), attempt=1))

asyncio.run(main())
"""


class TestKilledBetweenCommitAndPublish:
    async def test_another_process_publishes(
        self, database_under_test: DatabaseUnderTest, database: Database, mailbox: Mailbox
    ) -> None:
        job_id = new_id()
        process = subprocess.Popen(  # noqa: S603, ASYNC220  it ends by our signal only
            [sys.executable, "-c", _WRITES_AND_HANGS, database_under_test.url, str(job_id)],
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"committed\n"
            process.send_signal(signal.SIGKILL)
        publisher: Publisher = mailbox.publisher
        async with running(Relay(database, publisher, poll_s=0.05)):
            await until(lambda: mailbox.jobs == [str(job_id)])
