"""Who is told of what: by rule, event, pipeline and branch, once."""

import asyncio

import pytest
from sqlalchemy import update

from app.core.clock import db_now
from app.core.db import Database
from app.core.errors import Conflict
from app.engine.states import JobStatus
from app.executions.models import Execution, Job
from app.executions.service.rerun import rerun_execution
from app.jobs.catalog import NotifyApproval, NotifyEnded
from app.models import (
    Pipeline,
    Project,
)
from app.notifications.models import DeliveryState
from app.notifications.service.planning import plan_approval, plan_ended, plan_long_running
from tests.credentials.rows import add_environment
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory
from tests.notifications.post import SOURCE, Post, run


class TestHook:
    async def test_an_end_is_a_message_where_there_is_a_rule(
        self, driver: Driver, pipeline: Pipeline, post: Post
    ) -> None:
        await post.rule("failed")
        execution_id = await run(driver, pipeline)
        kinds = [row.kind for row in await driver.messages()]
        assert kinds.count(NotifyEnded.wire) == 1
        assert len(await post.ended(execution_id)) == 1

    async def test_and_none_where_there_is_none(
        self, driver: Driver, pipeline: Pipeline, make: Factory
    ) -> None:
        await run(driver, pipeline)
        assert NotifyEnded.wire not in [row.kind for row in await driver.messages()]

    async def test_an_execution_that_was_running_before_the_rule_is_told_too(
        self, driver: Driver, pipeline: Pipeline, post: Post
    ) -> None:
        execution_id = await driver.start(pipeline.id)
        await post.rule("failed")
        await driver.run(execution_id, "build", JobStatus.FAILURE)
        assert len(await post.ended(execution_id)) == 1


class TestPlanning:
    @pytest.mark.parametrize(
        ("status", "events", "expected"),
        [
            (JobStatus.FAILURE, ("failed", "fixed"), ["failed"]),
            (JobStatus.TIMED_OUT, ("failed",), ["failed"]),
            (JobStatus.SUCCESS, ("failed", "fixed"), []),
            (JobStatus.SUCCESS, ("succeeded", "fixed"), ["succeeded"]),
        ],
    )
    async def test_a_rule_gets_what_it_wants(
        self,
        driver: Driver,
        pipeline: Pipeline,
        post: Post,
        status: JobStatus,
        events: tuple[str, ...],
        expected: list[str],
    ) -> None:
        await post.rule(*events)
        found = await post.ended(await run(driver, pipeline, status))
        assert [str(each.event) for each in found] == expected

    async def test_fixed_is_the_first_success_after_a_failure_on_the_branch(
        self, driver: Driver, pipeline: Pipeline, post: Post
    ) -> None:
        await post.rule("fixed", "succeeded")
        main, other = {"ref": "refs/heads/main"}, {"ref": "refs/heads/other"}
        await run(driver, pipeline, JobStatus.FAILURE, **main)
        elsewhere = await run(driver, pipeline, JobStatus.SUCCESS, **other)
        fixed = await run(driver, pipeline, JobStatus.SUCCESS, **main)
        again = await run(driver, pipeline, JobStatus.SUCCESS, **main)
        events = [
            [str(each.event) for each in await post.ended(execution_id)]
            for execution_id in (elsewhere, fixed, again)
        ]
        assert events == [["succeeded"], ["fixed"], ["succeeded"]]

    async def test_a_second_attempt_fixes_the_first(
        self, driver: Driver, pipeline: Pipeline, post: Post, database: Database
    ) -> None:
        await post.rule("fixed")
        execution_id = await run(driver, pipeline, JobStatus.FAILURE)
        await rerun_execution(database, execution_id=execution_id, max_worker_lost=2)
        await driver.run(execution_id, "build")
        (found,) = await post.ended(execution_id)
        assert (str(found.event), found.attempt) == ("fixed", 2)

    async def test_pipelines_branches_and_switches_are_filters(
        self, driver: Driver, pipeline: Pipeline, post: Post, make: Factory, project: Project
    ) -> None:
        other = await make.pipeline(project)
        wanted = {
            await post.rule("failed"),
            await post.rule("failed", pipeline_id=pipeline.id),
            await post.rule("failed", branches=["releases/**", "main"]),
        }
        await post.rule("failed", pipeline_id=other.id)
        await post.rule("failed", branches=["main", "!main"])
        await post.rule("failed", is_enabled=False)
        await post.rule("failed", channel_is_enabled=False)
        found = await post.ended(await run(driver, pipeline, ref="refs/heads/main"))
        assert {each.rule_id for each in found} == wanted

    async def test_the_same_message_twice_plans_once(
        self, driver: Driver, pipeline: Pipeline, post: Post, database: Database
    ) -> None:
        await post.rule("failed")
        execution_id = await run(driver, pipeline)
        both = await asyncio.gather(
            *(plan_ended(database, execution_id=execution_id, attempt=1) for _ in range(2)),
            return_exceptions=True,
        )
        assert all(each is None or isinstance(each, Conflict) for each in both), both
        await plan_ended(database, execution_id=execution_id, attempt=1)
        assert len(await post.deliveries(execution_id)) == 1

    async def test_what_runs_for_too_long_is_told_once(
        self, driver: Driver, pipeline: Pipeline, post: Post, database: Database
    ) -> None:
        await post.rule("long_running", long_running_minutes=30)
        await post.rule("long_running", long_running_minutes=120)
        await post.rule("failed", long_running_minutes=1)
        execution_id = await driver.start(pipeline.id)
        await driver.claim(execution_id, "build")
        async with database.session() as session:
            await session.execute(
                update(Execution)
                .where(Execution.id == execution_id)
                .values(started_at=db_now(-3600.0))
            )
        assert await plan_long_running(database) == 1
        assert await plan_long_running(database) == 0
        (found,) = await post.deliveries(execution_id)
        assert str(found.event) == "long_running"

    async def test_a_job_that_waits_for_approval_is_told(
        self, driver: Driver, pipeline: Pipeline, post: Post, database: Database
    ) -> None:
        await post.rule("approval_wanted")
        execution_id = await driver.start(pipeline.id)
        job = (await driver.jobs(execution_id))["build"]
        await plan_approval(database, job_id=job.id, attempt=1)
        assert not await post.deliveries(execution_id)
        async with database.session() as session:
            await session.execute(
                update(Job).where(Job.id == job.id).values(status=JobStatus.WAITING)
            )
        for _ in range(2):
            await plan_approval(database, job_id=job.id, attempt=1)
        (found,) = await post.deliveries(execution_id)
        assert (str(found.event), found.subject_id) == ("approval_wanted", job.id)


async def test_a_job_that_begins_to_wait_for_approval_leaves_the_message(
    driver: Driver, make: Factory, project: Project, post: Post, database: Database
) -> None:
    await post.rule("approval_wanted")
    await add_environment(database, project.id, "production", required_approvals=1)
    source = SOURCE.replace("    steps:", "    environment: production\n    steps:")
    execution_id = await driver.start((await make.pipeline(project, source=source)).id)
    await driver.deliver()
    (row,) = [row for row in await driver.messages() if row.kind == NotifyApproval.wire]
    message = NotifyApproval.from_body(row.body)
    await plan_approval(database, job_id=message.job_id, attempt=message.attempt)
    (found,) = await post.deliveries(execution_id)
    assert (await post.send(found)).state is DeliveryState.SENT
