"""Rows that ended are removed daily; those that are in use stay."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import func, insert, select

from app.administration.models import Worker
from app.auth.models import LoginSession
from app.core.clock import db_now, new_id
from app.core.db import Database
from app.executions.models import IdempotencyKey
from app.executions.service.start import Trigger, start_execution
from app.settings import Settings
from tests.fixtures.factories import Factory
from workers.actors.actor import Context
from workers.actors.rows import clean_up_rows

DAY_S = 24 * 3600.0


async def clean(database: Database, settings: Settings) -> None:
    context = cast(Context, SimpleNamespace(database=database, settings=settings))
    await clean_up_rows(context)


async def add(database: Database, model: Any, **values: Any) -> None:
    async with database.session() as session:
        await session.execute(insert(model).values(values))


async def add_worker(database: Database, name: str, **times: Any) -> None:
    fixed = {"host": "h", "pid": 1, "version": "1", "queues": [], "labels": [], "concurrency": 1}
    values = {"id": new_id(), "name": name, "isolation": "", "started_at": db_now(-9 * DAY_S)}
    await add(database, Worker, **fixed, **values, **times)


@pytest.mark.parametrize("at_once", [1000, 1])
async def test_keys_go_after_a_day(
    make: Factory,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    monkeypatch.setattr("app.executions.service.clean_up.AT_ONCE", at_once)
    user, pipeline = await make.user(), await make.pipeline(await make.project())
    trigger = Trigger(pipeline_id=pipeline.id)
    started = await start_execution(database, trigger, server_url="http://ansflow.test")
    for key, age_s in {"new": DAY_S - 600, "old": DAY_S + 60, "older": 9 * DAY_S}.items():
        known = {"user_id": user.id, "key": key, "digest": "0", "created_at": db_now(-age_s)}
        await add(database, IdempotencyKey, execution_id=started.execution_id, **known)
    await clean(database, settings)
    async with database.read() as session:
        assert (await session.scalars(select(IdempotencyKey.key))).all() == ["new"]


async def test_workers_go_a_week_after_their_end(database: Database, settings: Settings) -> None:
    await add_worker(database, "running", seen_at=db_now())
    yesterday, long_ago = db_now(-DAY_S), db_now(-7 * DAY_S - 60)
    await add_worker(database, "stopped yesterday", seen_at=yesterday, stopped_at=yesterday)
    await add_worker(database, "stopped long ago", seen_at=long_ago, stopped_at=long_ago)
    await add_worker(database, "killed long ago", seen_at=long_ago)
    await clean(database, settings)
    async with database.read() as session:
        names = set(await session.scalars(select(Worker.name)))
    assert names == {"running", "stopped yesterday"}


async def test_sessions_go_when_they_have_ended(
    make: Factory, database: Database, settings: Settings
) -> None:
    user = await make.user()
    await make.session(user)
    idle = db_now(-settings.security.session_idle_s - 60)
    ended = {"id": new_id(), "digest": "0", "address": "", "user_agent": "", "created_at": idle}
    await add(database, LoginSession, user_id=user.id, seen_at=idle, **ended)
    await clean(database, settings)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(LoginSession)) == 1
