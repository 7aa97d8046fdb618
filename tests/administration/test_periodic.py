"""Periodic work: once per period, whatever happens to schedulers, messages and workers."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.administration.models import PeriodicRun, PeriodicWork, RunStatus
from app.administration.periodic.catalog import WORK
from app.administration.periodic.service import clean_up, order_due, run, seed
from app.audit.models import AuditEntry
from app.core.clock import db_now
from app.core.db import Database
from app.core.errors import Unavailable
from app.jobs.catalog import RunPeriodic
from app.jobs.models import OutboxRow
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from workers.actors import periodic as actor

URL = "/api/v1/periodic-work"
NAME = "tools.check"


async def make_due(database: Database, *names: str) -> None:
    async with database.session() as session:
        statement = update(PeriodicWork).where(PeriodicWork.name.in_(names or list(WORK)))
        await session.execute(statement.values(next_run_at=db_now(-1)))


async def runs(database: Database) -> Sequence[PeriodicRun]:
    async with database.read() as session:
        return (await session.scalars(select(PeriodicRun).order_by(PeriodicRun.id))).all()


async def ordered(database: Database) -> list[tuple[str, uuid.UUID]]:
    """Queue and run of each message."""
    async with database.read() as session:
        statement = select(OutboxRow).where(OutboxRow.kind == RunPeriodic.wire)
        rows = (await session.scalars(statement)).all()
        return [(row.queue, RunPeriodic.from_body(row.body).run_id) for row in rows]


async def did(_name: str) -> Mapping[str, Any]:
    return {"count": 3}


class TestOrder:
    async def test_each_is_ordered_once_per_period_over_many_schedulers(
        self, database: Database
    ) -> None:
        await asyncio.gather(*(seed(database) for _ in range(3)))
        assert await order_due(database) == 0, "not at once"
        await make_due(database)
        counts = await asyncio.gather(*(order_due(database) for _ in range(3)))
        assert sum(counts) == len(WORK)
        assert {each.name for each in await runs(database)} == set(WORK)
        assert len(await ordered(database)) == len(WORK)
        assert await order_due(database) == 0

    async def test_it_goes_to_the_queue_of_its_priority(self, database: Database) -> None:
        await seed(database)
        await make_due(database)
        await order_due(database)
        names = {each.id: each.name for each in await runs(database)}
        queues = {names[run_id]: queue for queue, run_id in await ordered(database)}
        assert queues == {name: f"{work.priority}_priority" for name, work in WORK.items()}

    async def test_what_no_worker_took_is_asked_for_again(self, database: Database) -> None:
        await seed(database)
        for _ in range(2):
            await make_due(database, NAME)
            await order_due(database)
        (only,) = await runs(database)
        assert [run_id for _, run_id in await ordered(database)] == [only.id, only.id]

    async def test_what_still_runs_is_not_ordered_again(self, database: Database) -> None:
        await seed(database)
        await make_due(database, NAME)
        await order_due(database)
        async with database.session() as session:
            await session.execute(update(PeriodicRun).values(status=RunStatus.RUNNING))
        await make_due(database, NAME)
        await order_due(database)
        assert len(await runs(database)) == 1

    async def test_what_was_lost_with_its_worker_is(self, database: Database) -> None:
        await seed(database)
        await make_due(database, NAME)
        await order_due(database)
        async with database.session() as session:
            lost = {"status": RunStatus.RUNNING, "ordered_at": db_now(-7 * 3600)}
            await session.execute(update(PeriodicRun).values(lost))
        await make_due(database, NAME)
        await order_due(database)
        first, second = await runs(database)
        assert (first.status, second.status) == (RunStatus.FAILURE, RunStatus.ORDERED)
        assert "lost" in (first.reason or "")

    async def test_another_interval_in_the_code_is_taken_over(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await seed(database)
        async with database.session() as session:
            await session.execute(update(PeriodicWork).values(every_s=1))
        await seed(database)
        async with database.read() as session:
            rows = await session.execute(select(PeriodicWork.name, PeriodicWork.every_s))
        assert {row[0]: row[1] for row in rows} == {
            name: work.every_s for name, work in WORK.items()
        }


class TestRun:
    @pytest.fixture
    async def run_id(self, database: Database) -> uuid.UUID:
        await seed(database)
        await make_due(database, NAME)
        await order_due(database)
        (only,) = await runs(database)
        return only.id

    async def test_it_keeps_what_came_out(self, database: Database, run_id: uuid.UUID) -> None:
        await run(database, run_id, did)
        (done,) = await runs(database)
        assert (done.status, done.result) == (RunStatus.SUCCESS, {"count": 3})
        assert done.started_at is not None
        assert done.finished_at is not None

    async def test_messages_that_come_twice_do_it_once(
        self, database: Database, run_id: uuid.UUID
    ) -> None:
        names: list[str] = []

        async def perform(name: str) -> Mapping[str, Any]:
            names.append(name)
            return {}

        await asyncio.gather(*(run(database, run_id, perform) for _ in range(3)))
        assert names == [NAME]

    @pytest.mark.parametrize(
        ("error", "reason"),
        [(ValueError("no"), "ValueError: no"), (Unavailable("the store is away"), "the store is")],
    )
    async def test_a_failure_is_kept_with_its_reason(
        self, database: Database, run_id: uuid.UUID, error: Exception, reason: str
    ) -> None:
        async def perform(_name: str) -> Mapping[str, Any]:
            raise error

        await run(database, run_id, perform)
        (done,) = await runs(database)
        assert done.status is RunStatus.FAILURE
        assert (done.reason or "").startswith(reason)

    async def test_runs_of_long_ago_are_forgotten(
        self, database: Database, run_id: uuid.UUID
    ) -> None:
        assert await clean_up(database) == 0
        async with database.session() as session:
            await session.execute(update(PeriodicRun).values(ordered_at=db_now(-31 * 24 * 3600)))
        assert await clean_up(database) == 1
        assert run_id not in {each.id for each in await runs(database)}


def test_workers_can_do_all_of_it() -> None:
    assert set(actor.WORK) == set(WORK)


class TestApi:
    @pytest.fixture
    async def root(self, make: Factory, sign_in: SignIn, database: Database) -> httpx.AsyncClient:
        await seed(database)
        return await sign_in(await make.user("root", administrator=True))

    async def test_the_list_shows_last_and_next_runs(
        self, root: httpx.AsyncClient, database: Database, queries: Queries
    ) -> None:
        await make_due(database, NAME)
        await order_due(database)
        (only,) = await runs(database)
        await run(database, only.id, did)
        with queries(max=2):
            items = body(await root.get(URL))["items"]
        assert [each["name"] for each in items] == sorted(WORK)
        found = {each["name"]: each for each in items}
        assert found[NAME]["last_run"]["result"] == {"count": 3}
        assert found[NAME]["every_s"] == 300
        assert found["retention"]["last_run"] is None
        assert all(each["next_run_at"] and each["meaning"] for each in items)

    async def test_it_can_be_asked_for_now(
        self, root: httpx.AsyncClient, database: Database
    ) -> None:
        made = body(await root.post(f"{URL}/{NAME}/run"), 202)
        assert (made["status"], made["asked_by"]) == ("ordered", "root")
        await run(database, uuid.UUID(made["id"]), did)
        (shown,) = body(await root.get(f"{URL}/{NAME}/runs"))["items"]
        assert (shown["id"], shown["status"]) == (made["id"], "success")
        async with database.read() as session:
            (entry,) = (await session.scalars(select(AuditEntry))).all()
        assert (entry.action, entry.name) == ("periodic_work.run", NAME)

    async def test_what_does_not_exist_is_not_found(self, root: httpx.AsyncClient) -> None:
        answer = await root.post(f"{URL}/😀/run")
        assert_problem(answer, 404, "periodic_work_not_found")

    async def test_it_is_for_administrators(self, make: Factory, sign_in: SignIn) -> None:
        client = await sign_in(await make.user())
        assert_problem(await client.get(URL), 403, "administrator_only")
        assert_problem(await client.post(f"{URL}/{NAME}/run"), 403, "administrator_only")
