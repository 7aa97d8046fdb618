"""Executions that run for very long, and the tools of workers."""

import sys
import uuid

import pytest
from sqlalchemy import select, update

from app.administration.models import PeriodicRun, RunStatus, Worker
from app.administration.oversight.service import LONG_RUNNING, check_tools, tell_long_running
from app.administration.registration import (
    Wishes,
    WorkerDescription,
    mark_seen,
    mark_stopped,
    register,
    store_tools,
)
from app.core.clock import db_now, new_id
from app.core.db import Database
from app.engine.states import ExecutionStatus
from app.models import Execution, InboxItem
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory
from workers.tools import TOOLS, measure, measure_tools

HOUR_S = 3600.0


class TestLongRunning:
    async def start(self, database: Database, make: Factory, hours: float) -> uuid.UUID:
        user = await make.user()
        pipeline = await make.pipeline(await make.project())
        execution_id = await Driver(database).start(pipeline.id, user_id=user.id)
        async with database.session() as session:
            values = {"status": ExecutionStatus.RUNNING, "started_at": db_now(-hours * HOUR_S)}
            await session.execute(
                update(Execution).where(Execution.id == execution_id).values(values)
            )
        return execution_id

    async def told(self, database: Database) -> list[uuid.UUID | None]:
        async with database.read() as session:
            return list(await session.scalars(select(InboxItem.execution_id)))

    async def test_who_started_it_is_told_once(self, database: Database, make: Factory) -> None:
        long = await self.start(database, make, hours=7)
        await self.start(database, make, hours=1)
        found = await tell_long_running(database, limit_s=6 * HOUR_S)
        assert found == {"running": 1, "told": 1, "execution_ids": [str(long)]}
        assert await self.told(database) == [long]
        await self.ran(database, hours_ago=0.5)
        again = await tell_long_running(database, limit_s=6 * HOUR_S)
        assert (again["running"], again["told"]) == (1, 0)
        longer = await self.start(database, make, hours=6.25)
        assert (await tell_long_running(database, limit_s=6 * HOUR_S))["told"] == 1
        assert set(await self.told(database)) == {long, longer}

    async def ran(self, database: Database, *, hours_ago: float) -> None:
        async with database.session() as session:
            at = (await session.execute(select(db_now(-hours_ago * HOUR_S)))).scalar_one()
            session.add(
                PeriodicRun(
                    id=new_id(),
                    name=LONG_RUNNING,
                    status=RunStatus.SUCCESS,
                    result={},
                    ordered_at=at,
                    started_at=at,
                )
            )


class TestTools:
    async def worker(self, database: Database) -> uuid.UUID:
        description = WorkerDescription(
            id=new_id(),
            name="w",
            host="h",
            pid=1,
            version="1",
            queues=[],
            labels=[],
            concurrency=1,
            isolation="",
        )
        await register(database, description)
        return description.id

    async def test_workers_hear_of_it_until_they_have_looked(self, database: Database) -> None:
        worker_id, stopped = await self.worker(database), await self.worker(database)
        await mark_stopped(database, stopped)
        assert await mark_seen(database, worker_id, draining=False) == Wishes()
        assert await check_tools(database) == {"workers": 1}
        assert (await mark_seen(database, worker_id, draining=False)).tools
        found = {"git": {"available": True, "version": "2.1", "problem": None}}
        await store_tools(database, worker_id, found)
        assert not (await mark_seen(database, worker_id, draining=False)).tools
        async with database.read() as session:
            row = await session.get_one(Worker, worker_id)
        assert row.tools == found
        assert row.tools_at is not None

    async def test_each_is_really_called(self) -> None:
        found = await measure_tools()
        assert set(found) == set(TOOLS)
        assert found["git"]["available"], found["git"]
        assert found["git"]["version"][0].isdigit()
        for each in found.values():
            assert each["available"] is (each["problem"] is None)

    @pytest.mark.parametrize(
        ("command", "problem"),
        [
            (["no-such-tool-here"], "not installed"),
            ([sys.executable, "-c", "print('broken'); raise SystemExit(3)"], "exit code 3: broken"),
        ],
    )
    async def test_what_does_not_answer_is_not_available(
        self, command: list[str], problem: str
    ) -> None:
        assert await measure(command) == {"available": False, "version": None, "problem": problem}

    async def test_what_hangs_is_killed(self) -> None:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        found = await measure(command, timeout_s=0.2)
        assert found["problem"] == "did not answer within 0.2 s"
