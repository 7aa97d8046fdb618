"""Fires that are started together: few statements, and none that holds up the others."""

import uuid
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event

from app.core.clock import new_id
from app.core.db import Database
from app.jobs.catalog import StartFires
from app.models import Pipeline
from app.projects.models import Role
from app.triggers.schedules.models import FireStatus, Overlap
from app.triggers.schedules.repository.fires import FireRepository
from app.triggers.schedules.service.recording import record_due
from app.triggers.schedules.service.starting import start_fires
from tests.executions.driver import SERVER
from tests.fixtures.factories import Factory
from tests.triggers.rows import schedule_of
from tests.triggers.test_schedule_fires import Clockwork

GROUPED = """
on: workflow_dispatch
concurrency: one
jobs:
  main: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}
"""


@pytest.fixture
async def clockwork(database: Database, make: Factory) -> Clockwork:
    return await Clockwork(database, make).open()


async def _batch(clockwork: Clockwork, *pipelines: Pipeline, each: int, **fields: object) -> None:
    """So many due schedules of each pipeline, whose fires are recorded."""
    due: datetime = await clockwork.now()
    async with clockwork.database.session() as session:
        session.add_all(
            schedule_of(pipeline, clockwork.owner, next_fire_at=due, **fields)  # type: ignore[arg-type]  # as given
            for pipeline in pipelines
            for _ in range(each)
        )
    await record_due(clockwork.database)


async def _statements(clockwork: Clockwork, count: int) -> int:
    """Statements of starting `count` fires that are recorded together."""
    await _batch(clockwork, clockwork.pipeline, each=count)
    (batch,) = {fire.batch_id for fire in await clockwork.fires() if fire.execution_id is None}
    seen: list[str] = []

    def record(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    engine = clockwork.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", record)
    try:
        await start_fires(clockwork.database, StartFires(batch_id=batch), server_url=SERVER)
    finally:
        event.remove(engine, "before_cursor_execute", record)
    return len(seen)


async def _history(clockwork: Clockwork, execution_id: uuid.UUID) -> list[tuple[object, ...]]:
    events = await clockwork.driver.events(execution_id)
    return [(each.seq, each.type, each.cause, each.data["status"]) for each in events]


class TestTogether:
    async def test_forty_cost_as_many_statements_as_two(self, clockwork: Clockwork) -> None:
        await _statements(clockwork, 2)
        few, many = await _statements(clockwork, 2), await _statements(clockwork, 40)
        assert few == many <= 16
        assert len(await clockwork.executions()) == 44

    async def test_each_is_an_execution_of_its_own_that_runs(self, clockwork: Clockwork) -> None:
        other = await clockwork.make.pipeline(clockwork.project)
        await _batch(clockwork, clockwork.pipeline, other, each=3)
        await clockwork.work()
        fires, executions = await clockwork.fires(), await clockwork.executions()
        assert {fire.status for fire in fires} == {FireStatus.STARTED}
        assert {fire.execution_id for fire in fires} == {each.id for each in executions}
        numbers = {(each.pipeline_id, each.number) for each in executions}
        ids = (clockwork.pipeline.id, other.id)
        assert numbers == {(pipeline_id, number) for pipeline_id in ids for number in (1, 2, 3)}
        for execution in executions:
            await clockwork.driver.run(execution.id, "main")
        assert {each.status for each in await clockwork.executions()} == {"success"}

    async def test_the_history_is_that_of_one_started_alone(self, clockwork: Clockwork) -> None:
        await clockwork.fire(await clockwork.add())
        await _batch(clockwork, clockwork.pipeline, each=2)
        await clockwork.work()
        alone, *together = await clockwork.executions()
        expected = await _history(clockwork, alone.id)
        assert len(together) == 2
        for execution in together:
            assert await _history(clockwork, execution.id) == expected

    async def test_one_that_cannot_start_does_not_hold_up_the_others(
        self, clockwork: Clockwork
    ) -> None:
        await _batch(clockwork, clockwork.pipeline, each=2)
        await _batch(clockwork, clockwork.pipeline, each=1, inputs={"target": "moon"})
        batch = new_id()
        async with clockwork.database.session() as session:
            ids = [fire.id for fire in await clockwork.fires()]
            await FireRepository(session).give_batch(ids, batch, again_after_s=60)
        await start_fires(clockwork.database, StartFires(batch_id=batch), server_url=SERVER)
        outcomes = sorted(fire.status for fire in await clockwork.fires())
        assert outcomes == [FireStatus.FAILED, FireStatus.STARTED, FireStatus.STARTED]
        assert len(await clockwork.executions()) == 2

    async def test_owners_who_may_not_start_it_are_refused_one_by_one(
        self, clockwork: Clockwork
    ) -> None:
        await _batch(clockwork, clockwork.pipeline, each=2)
        clockwork.owner = await clockwork.make.user("guest")
        await clockwork.make.member(clockwork.project, clockwork.owner, Role.GUEST)
        await _batch(clockwork, clockwork.pipeline, each=2)
        await clockwork.work()
        outcomes = [fire.status for fire in await clockwork.fires()]
        assert sorted(outcomes) == [FireStatus.REFUSED] * 2 + [FireStatus.STARTED] * 2

    async def test_a_concurrency_group_lets_one_run_and_the_last_one_wait(
        self, clockwork: Clockwork
    ) -> None:
        pipeline = await clockwork.make.pipeline(clockwork.project, source=GROUPED)
        await _batch(clockwork, pipeline, each=2)
        await clockwork.work()
        assert [each.status for each in await clockwork.executions()] == ["queued", "waiting"]

    async def test_those_that_look_at_others_before_them_are_started_as_before(
        self, clockwork: Clockwork
    ) -> None:
        await _batch(clockwork, clockwork.pipeline, each=2, overlap=Overlap.SKIP)
        await clockwork.work()
        assert len(await clockwork.executions()) == 2

    async def test_the_same_message_twice_starts_nothing_more(self, clockwork: Clockwork) -> None:
        await _batch(clockwork, clockwork.pipeline, each=5)
        await clockwork.work()
        await clockwork.work()
        assert len(await clockwork.executions()) == 5
