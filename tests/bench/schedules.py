"""10,000 schedules due in the same minute, three schedulers, one worker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, func, insert, select, update

from app.core.clock import db_now, new_id
from app.core.db import Database
from app.core.orm import table_of
from app.jobs.catalog import StartFires
from app.models import Execution, Pipeline, Schedule, ScheduleFire, User
from app.projects.models import Role
from app.triggers.schedules.models import CatchUp, FireStatus, Overlap
from app.triggers.schedules.service.recording import AT_ONCE, IN_A_MESSAGE, record_due
from app.triggers.schedules.service.starting import start_fires
from tests.bench.figures import Figure
from tests.bench.servers import fresh_database
from tests.bench.whole import running
from tests.fixtures.factories import Factory

SCHEDULERS = 3
PROJECTS, PIPELINES, EACH = 20, 10, 50
COUNT = PROJECTS * PIPELINES * EACH
RECORDED_S, STARTED_S = 60.0, 180.0
SOURCE = "on: workflow_dispatch\njobs: {main: {runs-on: elsewhere, steps: [{run: 'true'}]}}\n"
"""No worker takes the jobs: this is about executions that come to be, not about processes."""


async def schedules() -> AsyncIterator[Figure]:
    """From the minute in which all are due to the last fire and to the last execution."""
    async with running() as system:
        for number in range(1, SCHEDULERS):
            system.spawn(f"scheduler{number}", "scheduler")
        database = system.open_database()
        try:
            due = await _make(database, per_pipeline=EACH, in_s=5.0)
            fires, executions = await _watch(database)
            recorded = await _last(database, ScheduleFire.recorded_at)
            started = await _last(database, Execution.created_at)
        finally:
            await database.close()
    yield Figure("10,000 schedules: fires recorded", fires, "fires", COUNT)
    yield Figure("… executions", executions, "executions", COUNT)
    yield Figure("… executions beyond one for each", executions - COUNT, "executions", 0, False)
    yield Figure("… last fire", (recorded - due).total_seconds(), "s", RECORDED_S, False)
    yield Figure("… last execution", (started - due).total_seconds(), "s", STARTED_S, False)
    async for figure in _statements():
        yield figure


async def _make(database: Database, *, per_pipeline: int, in_s: float) -> datetime:
    """All of them, due in `in_s` seconds, and then a day later; when that is."""
    make = Factory(database)
    async with database.read() as session:
        now: datetime = (await session.execute(select(db_now()))).scalar_one()
    due = now + timedelta(seconds=in_s)
    cron = f"{due.minute} {due.hour} * * *"
    rows = []
    for _ in range(PROJECTS):
        owner = await make.user()
        project = await make.project(members={Role.DEVELOPER: owner})
        for _ in range(PIPELINES):
            pipeline = await make.pipeline(project, source=SOURCE)
            rows += [_schedule(pipeline, owner, cron, now) for _ in range(per_pipeline)]
    async with database.session() as session:
        await session.execute(insert(table_of(Schedule)), rows)
    # Only now: making so many takes longer than `in_s`.
    async with database.session() as session:
        due = (await session.execute(select(db_now(in_s)))).scalar_one()
        await session.execute(update(Schedule).values(next_fire_at=due))
    return due


def _schedule(pipeline: Pipeline, owner: User, cron: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "project_id": pipeline.project_id,
        "pipeline_id": pipeline.id,
        "owner_id": owner.id,
        "description": "",
        "cron": cron,
        "timezone": "Europe/Berlin",
        "ref": "refs/heads/main",
        "inputs": {},
        "overlap": Overlap.ALLOW,
        "catch_up": CatchUp.NONE,
        "is_enabled": True,
        "is_defined": False,
        "next_fire_at": None,
        "last_fire_at": None,
        "created_at": now,
        "updated_at": now,
    }


async def _watch(database: Database) -> tuple[int, int]:
    """Wait until every fire has been started, or until both limits have passed twice."""
    async with asyncio.timeout(2 * STARTED_S):
        while True:
            async with database.read() as session:
                started = select(func.count()).where(ScheduleFire.status == FireStatus.STARTED)
                if await session.scalar(started) == COUNT:
                    fires = await session.scalar(select(func.count()).select_from(ScheduleFire))
                    executions = await session.scalar(select(func.count()).select_from(Execution))
                    return fires or 0, executions or 0
            await asyncio.sleep(0.5)


async def _last(database: Database, column: Any) -> datetime:
    async with database.read() as session:
        last: datetime = (await session.execute(select(func.max(column)))).scalar_one()
        return last


async def _statements() -> AsyncIterator[Figure]:
    """Statements for each schedule, of recording its fire and of starting its execution."""
    async with fresh_database() as database:
        seen: list[str] = []
        await _make(database, per_pipeline=5, in_s=-1.0)
        count = PROJECTS * PIPELINES * 5

        def record(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        event.listen(database.engine.sync_engine, "before_cursor_execute", record)
        assert await record_due(database) == count
        recording = len(seen)
        async with database.read() as session:
            batches = (await session.scalars(select(ScheduleFire.batch_id).distinct())).all()
        seen.clear()
        for batch in batches:
            await start_fires(database, StartFires(batch_id=batch), server_url="http://bench")
        starting = len(seen)
    note = f"{AT_ONCE} at once"
    yield Figure("… recording: statements a schedule", recording / count, "", 0.1, False, note)
    note = f"{IN_A_MESSAGE} in a message"
    yield Figure("… starting: statements a schedule", starting / count, "", None, False, note)
