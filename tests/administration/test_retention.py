"""Old executions go as the rules say, with all that belongs to them; running ones never."""

import uuid
from collections.abc import Sequence

import httpx
import pytest
from sqlalchemy import func, select, update

from app.administration.models import RetentionRule
from app.administration.retention.service import delete_old_executions
from app.core.clock import db_now, new_id
from app.core.db import Database
from app.engine.states import ExecutionStatus, JobStatus
from app.models import AuditEntry, Execution, Job, LogChunk, Pipeline, Project
from app.projects.models import Role
from tests.executions.driver import Driver
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn
from tests.logs.conftest import LogFactory

DAY_S = 24 * 3600.0


class Attic:
    """A pipeline with executions of given ages and ends, newest last."""

    def __init__(self, database: Database, make: Factory) -> None:
        self.database, self.make, self.driver = database, make, Driver(database)

    async def open(self) -> "Attic":
        self.project: Project = await self.make.project()
        self.pipeline: Pipeline = await self.make.pipeline(self.project)
        return self

    async def add(
        self, days_ago: float, status: str = "success", pipeline: Pipeline | None = None
    ) -> uuid.UUID:
        execution_id = await self.driver.start((pipeline or self.pipeline).id)
        if status != "queued":
            await self.driver.run(execution_id, "main", JobStatus.SUCCESS)
        async with self.database.session() as session:
            values = {"status": ExecutionStatus(status), "finished_at": db_now(-days_ago * DAY_S)}
            await session.execute(
                update(Execution).where(Execution.id == execution_id).values(values)
            )
        return execution_id

    async def rule(self, scope: Project | Pipeline, **fields: object) -> None:
        is_pipeline = isinstance(scope, Pipeline)
        values = {"days": None, "count": None, "keep_last_success": False, **fields}
        async with self.database.session() as session:
            session.add(
                RetentionRule(
                    id=new_id(),
                    scope_id=scope.id,
                    project_id=self.project.id,
                    pipeline_id=scope.id if is_pipeline else None,
                    updated_at=self.project.created_at,
                    **values,
                )
            )

    async def left(self) -> Sequence[uuid.UUID]:
        async with self.database.read() as session:
            return (await session.scalars(select(Execution.id).order_by(Execution.id))).all()


@pytest.fixture
async def attic(database: Database, make: Factory) -> Attic:
    return await Attic(database, make).open()


class TestDelete:
    async def test_without_a_rule_everything_stays(self, attic: Attic) -> None:
        await attic.add(5000)
        assert await delete_old_executions(attic.database) == {"executions": 0, "pipelines": 0}

    async def test_by_age(self, attic: Attic) -> None:
        await attic.rule(attic.project, days=30)
        await attic.add(31)
        kept = await attic.add(29)
        assert await delete_old_executions(attic.database) == {"executions": 1, "pipelines": 1}
        assert await attic.left() == [kept]

    async def test_by_count_of_those_that_have_ended(self, attic: Attic) -> None:
        await attic.rule(attic.project, count=2)
        ids = [await attic.add(days) for days in (9, 8, 7, 6)]
        running = await attic.add(0, "queued")
        await delete_old_executions(attic.database)
        assert await attic.left() == [*ids[2:], running]

    async def test_running_ones_never_go(self, attic: Attic) -> None:
        await attic.rule(attic.project, days=1, count=1)
        kept = [await attic.add(400, each) for each in ("queued",)]
        async with attic.database.session() as session:
            await session.execute(update(Execution).values(status=ExecutionStatus.RUNNING))
        await delete_old_executions(attic.database)
        assert await attic.left() == kept

    async def test_the_last_success_stays_if_wanted(self, attic: Attic) -> None:
        await attic.rule(attic.project, days=30, keep_last_success=True)
        await attic.add(90)
        last = await attic.add(80)
        await attic.add(70, "failure")
        await delete_old_executions(attic.database)
        assert await attic.left() == [last]

    async def test_a_pipelines_rule_wins_over_its_projects(self, attic: Attic) -> None:
        other = await attic.make.pipeline(attic.project)
        await attic.rule(attic.project, days=30)
        await attic.rule(other)
        await attic.add(90)
        kept = await attic.add(90, pipeline=other)
        await delete_old_executions(attic.database)
        assert await attic.left() == [kept]

    async def test_other_projects_are_left_alone(self, attic: Attic) -> None:
        await attic.rule(attic.project, days=1)
        other = await attic.make.pipeline(await attic.make.project())
        kept = await attic.add(90, pipeline=other)
        await delete_old_executions(attic.database)
        assert await attic.left() == [kept]

    async def test_many_go_in_batches(self, attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.administration.retention.service.AT_ONCE", 2)
        monkeypatch.setattr("app.administration.retention.service.PIPELINES_AT_ONCE", 1)
        await attic.rule(attic.project, days=1)
        for pipeline in (attic.pipeline, await attic.make.pipeline(attic.project)):
            for _ in range(5):
                await attic.add(9, pipeline=pipeline)
        assert await delete_old_executions(attic.database) == {"executions": 10, "pipelines": 2}
        assert await attic.left() == []

    async def test_what_belongs_to_them_goes_too(self, attic: Attic) -> None:
        await attic.rule(attic.project, days=1)
        logs = LogFactory(attic.database, attic.make)
        execution = await logs.execution(attic.project)
        step = await logs.step(await logs.job(execution, "main"))
        async with attic.database.session() as session:
            values = {
                "number": 1,
                "first_line": 1,
                "line_count": 1,
                "raw_bytes": 1,
                "digest": b"0" * 16,
                "data": b"x",
                "times": b"x",
                "created_at": attic.project.created_at,
            }
            session.add(LogChunk(step_id=step.id, **values))
            ended = {"status": ExecutionStatus.FAILURE, "finished_at": db_now(-2 * DAY_S)}
            await session.execute(
                update(Execution).where(Execution.id == execution.id).values(ended)
            )
        await delete_old_executions(attic.database)
        async with attic.database.read() as session:
            for model in (Execution, Job, LogChunk):
                assert await session.scalar(select(func.count()).select_from(model)) == 0


class TestApi:
    @pytest.fixture
    async def maintainer(self, attic: Attic, sign_in: SignIn) -> httpx.AsyncClient:
        user = await attic.make.user()
        await attic.make.member(attic.project, user, Role.MAINTAINER)
        return await sign_in(user)

    async def test_a_pipeline_follows_its_project_until_it_has_its_own(
        self, attic: Attic, maintainer: httpx.AsyncClient
    ) -> None:
        project = f"/api/v1/projects/{attic.project.slug}/retention"
        pipeline = f"/api/v1/pipelines/{attic.pipeline.id}/retention"
        assert body(await maintainer.get(pipeline))["source"] == "none"
        rule = {"days": 30, "count": 100, "keep_last_success": True}
        assert body(await maintainer.put(project, json=rule)) == {**rule, "source": "project"}
        assert body(await maintainer.get(pipeline)) == {**rule, "source": "project"}
        own = {"days": None, "count": 5, "keep_last_success": False}
        assert body(await maintainer.put(pipeline, json=own)) == {**own, "source": "pipeline"}
        assert body(await maintainer.get(project))["days"] == 30
        for path in (pipeline, project):
            body(await maintainer.delete(path), 204)
            body(await maintainer.delete(path), 204)
        assert body(await maintainer.get(pipeline))["source"] == "none"

    async def test_every_change_is_in_the_audit_trail(
        self, attic: Attic, maintainer: httpx.AsyncClient
    ) -> None:
        path = f"/api/v1/projects/{attic.project.slug}/retention"
        body(await maintainer.put(path, json={"days": 30}))
        body(await maintainer.put(path, json={"days": 20}))
        body(await maintainer.delete(path), 204)
        async with attic.database.read() as session:
            entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
        assert [(entry.before or {}).get("days") for entry in entries] == [None, 30, 20]
        assert entries[1].after == {"days": 20}

    @pytest.mark.parametrize(
        "fields",
        [{"days": 0}, {"count": 0}, {"days": 2**70}, {"count": -1}, {"project_id": "x"}],
    )
    async def test_a_bad_value_is_refused(
        self, attic: Attic, maintainer: httpx.AsyncClient, fields: dict[str, object]
    ) -> None:
        path = f"/api/v1/projects/{attic.project.slug}/retention"
        assert_problem(await maintainer.put(path, json=fields), 422, "invalid")

    async def test_developers_see_but_do_not_change_it(self, attic: Attic, sign_in: SignIn) -> None:
        user = await attic.make.user()
        await attic.make.member(attic.project, user, Role.DEVELOPER)
        client = await sign_in(user)
        path = f"/api/v1/projects/{attic.project.slug}/retention"
        body(await client.get(path))
        assert_problem(await client.put(path, json={"days": 1}), 403, "role_too_low")
