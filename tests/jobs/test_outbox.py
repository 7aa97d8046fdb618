"""Writing messages in a transaction."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.core.clock import db_now, new_id
from app.core.db import AsyncSession, Database
from app.jobs import outbox
from app.jobs.catalog import RunJob
from app.jobs.models import OutboxRow
from app.jobs.outbox import Outgoing, Queued, enqueue, enqueue_all
from app.jobs.queues import queue_for


class Ear:
    """An outlet that remembers what it is told."""

    def __init__(self) -> None:
        self.origin = new_id()
        self.rows: list[Outgoing] = []
        self.delays_s: list[float] = []

    def accept(self, rows: Sequence[Outgoing]) -> None:
        self.rows.extend(rows)

    def remind(self, delay_s: float) -> None:
        self.delays_s.append(delay_s)


async def _rows(database: Database) -> list[OutboxRow]:
    async with database.read() as session:
        return list((await session.scalars(select(OutboxRow).order_by(OutboxRow.id))).all())


def _message() -> RunJob:
    return RunJob(job_id=new_id(), attempt=1)


async def _inserts_of(session: AsyncSession) -> int:
    """How many INSERTs the server itself counted on this connection; SQLite does not count."""
    if session.get_bind().dialect.name == "sqlite":
        return 0
    row = (await session.execute(text("SHOW SESSION STATUS LIKE 'Com_insert'"))).one()
    return int(row[1])


class TestEnqueue:
    async def test_the_outlet_hears_of_a_message_after_its_commit(self, database: Database) -> None:
        ear, message = Ear(), _message()
        outbox.attach(database, ear)
        async with database.session() as session:
            await enqueue(session, message)
            assert ear.rows == []
        (row,) = await _rows(database)
        assert (row.kind, row.queue, row.body) == ("job.run", "high_priority", message.body())
        assert (row.origin, row.taken_by) == (ear.origin, None)
        assert ear.rows == [Outgoing(row.id, row.kind, row.queue, row.body)]

    async def test_what_is_rolled_back_was_never_there(self, database: Database) -> None:
        ear = Ear()
        outbox.attach(database, ear)

        async def fail(session: AsyncSession) -> None:
            await enqueue(session, _message())
            raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            await database.transact(fail)
        assert await _rows(database) == []
        assert ear.rows == []

    async def test_a_process_without_relay_leaves_the_row_to_anybody(
        self, database: Database
    ) -> None:
        async with database.session() as session:
            await enqueue(session, _message(), queue=queue_for("low", ["gpu"]))
        (row,) = await _rows(database)
        assert row.origin is None
        assert row.queue == queue_for("low", ["gpu"])

    async def test_a_delayed_message_is_not_handed_over_but_announced(
        self, database: Database
    ) -> None:
        ear = Ear()
        outbox.attach(database, ear)
        async with database.session() as session:
            now = await session.scalar(select(db_now()))
            assert now is not None
            later = now + timedelta(minutes=5)
            await enqueue(session, _message(), not_before=later)
        assert ear.rows == []
        assert ear.delays_s == [pytest.approx(300, abs=60)]
        assert [row.not_before for row in await _rows(database)] == [later]


class TestEnqueueAll:
    @pytest.mark.parametrize("count", [1, 2, 100])
    async def test_any_number_of_messages_is_one_insert(
        self, database: Database, count: int
    ) -> None:
        async with database.session() as session:
            before = await _inserts_of(session)
            await enqueue_all(session, [Queued(_message()) for _ in range(count)])
            assert await _inserts_of(session) - before == (0 if database.is_sqlite else 1)
        rows = await _rows(database)
        assert len(rows) == count
        assert len({row.created_at for row in rows}) == 1

    async def test_no_message_is_no_statement(self, database: Database) -> None:
        async with database.session() as session:
            await enqueue_all(session, [])
            assert not session.in_transaction()
