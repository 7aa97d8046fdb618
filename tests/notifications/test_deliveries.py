"""From the end of an execution to what somebody reads: once per rule, tried again within bounds."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.core.clock import db_now, new_id, utcnow
from app.core.db import Database
from app.core.errors import Conflict
from app.core.log_chunks import Times, compress, digest, encode_times
from app.core.sealing import MasterKeys, seal_into
from app.engine.states import JobStatus, StepStatus
from app.executions.models import Execution, Job, Step
from app.executions.service.rerun import rerun_execution
from app.jobs.catalog import DeliverNotification, NotifyApproval, NotifyEnded
from app.logs.models import LogChunk
from app.models import (
    NotificationChannel,
    NotificationDelivery,
    NotificationRule,
    Pipeline,
    Project,
)
from app.notifications.models import ChannelKind, DeliveryState
from app.notifications.repository.rules import RuleRepository
from app.notifications.sending import Sender
from app.notifications.service import delivering
from app.notifications.service.delivering import deliver
from app.notifications.service.planning import plan_approval, plan_ended, plan_long_running
from app.projects.models import Role
from tests.credentials.rows import add_environment
from tests.executions.driver import Driver
from tests.fixtures.answers import body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.notifications.servers import HttpServer

KEYS = MasterKeys("k" * 40, (), None)
SENDER = Sender(None, allow_private=True)
SOURCE = """
on:
  workflow_dispatch:
jobs:
  build:
    runs-on: default
    steps:
      - run: make
"""


@pytest.fixture
def driver(database: Database) -> Driver:
    return Driver(database)


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


@pytest.fixture
async def pipeline(make: Factory, project: Project) -> Pipeline:
    return await make.pipeline(project, "build", source=SOURCE)


class Post:
    """The channels and rules of a test, and what is done about their messages."""

    def __init__(self, database: Database, driver: Driver, project: Project, url: str) -> None:
        self.database, self.driver, self.project, self.url = database, driver, project, url

    async def rule(self, *events: str, **fields: Any) -> uuid.UUID:
        """A rule with a channel of its own."""
        now = utcnow()
        channel = NotificationChannel(
            id=new_id(),
            project_id=self.project.id,
            name=str(new_id()),
            folded=str(new_id()),
            kind=ChannelKind.WEBHOOK,
            public={},
            is_enabled=fields.pop("channel_is_enabled", True),
            created_at=now,
            updated_at=now,
        )
        seal_into(channel, json.dumps({"url": self.url}).encode(), KEYS.to_write())
        given: dict[str, Any] = {
            "pipeline_id": None,
            "branches": [],
            "long_running_minutes": 60,
            "is_enabled": True,
            **fields,
        }
        rule = NotificationRule(
            id=new_id(),
            project_id=self.project.id,
            channel_id=channel.id,
            events=list(events),
            created_at=now,
            updated_at=now,
            **given,
        )
        async with self.database.session() as session:
            session.add(channel)
            await session.flush()
            session.add(rule)
            await session.flush()
            await RuleRepository(session).mark_project(self.project.id)
        return rule.id

    async def ended(self, execution_id: uuid.UUID) -> list[NotificationDelivery]:
        """Act on the message of an end; the deliveries of the execution."""
        for row in await self.driver.messages():
            if row.kind == NotifyEnded.wire:
                message = NotifyEnded.from_body(row.body)
                await plan_ended(
                    self.database, execution_id=message.execution_id, attempt=message.attempt
                )
        return await self.deliveries(execution_id)

    async def deliveries(self, execution_id: uuid.UUID) -> list[NotificationDelivery]:
        statement = (
            select(NotificationDelivery)
            .where(NotificationDelivery.execution_id == execution_id)
            .order_by(NotificationDelivery.id)
        )
        async with self.database.read() as session:
            return list(await session.scalars(statement))

    async def send(self, delivery: NotificationDelivery) -> NotificationDelivery:
        """Try to send; the row as it is then."""
        await deliver(
            self.database, delivery.id, keys=KEYS, sender=SENDER, base_url="https://ansflow.test/"
        )
        (row,) = [
            row for row in await self.deliveries(delivery.execution_id) if row.id == delivery.id
        ]
        return row

    async def due(self) -> list[float]:
        """In how many seconds each message to deliver is due."""
        rows = [row for row in await self.driver.messages() if row.kind == DeliverNotification.wire]
        return [(row.not_before - utcnow()).total_seconds() for row in rows]


@pytest.fixture
async def post(database: Database, driver: Driver, project: Project, web: HttpServer) -> Post:
    return Post(database, driver, project, web.url)


async def run(
    driver: Driver, pipeline: Pipeline, status: JobStatus = JobStatus.FAILURE, **options: object
) -> uuid.UUID:
    """An execution that has ended."""
    execution_id = await driver.start(pipeline.id, **options)
    await driver.run(execution_id, "build", status)
    return execution_id


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


async def log(database: Database, driver: Driver, execution_id: uuid.UUID, *lines: str) -> None:
    """A failed step of the job with these lines."""
    job = (await driver.jobs(execution_id))["build"]
    data = compress("".join(f"{line}\n" for line in lines).encode())
    times = encode_times(Times([(len(lines), 1)]))
    async with database.session() as session:
        step = (await session.scalars(select(Step).where(Step.job_id == job.id))).one()
        step.status, step.exit_code, step.name = StepStatus.FAILURE, 2, "make"
        step.lines, step.complete = len(lines), True
    chunk = LogChunk(
        step_id=step.id,
        number=1,
        first_line=1,
        line_count=len(lines),
        raw_bytes=sum(len(line) + 1 for line in lines),
        digest=digest(data, times),
        data=data,
        times=times,
        created_at=utcnow(),
    )
    async with database.session() as session:
        session.add(chunk)


class TestDelivering:
    async def test_the_last_lines_of_the_failed_step_are_in_it(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer, database: Database
    ) -> None:
        await post.rule("failed")
        execution_id = await run(driver, pipeline, ref="refs/heads/main", actor="ada")
        await log(database, driver, execution_id, *(f"line {n}\x1b[0m" for n in range(1, 31)))
        (planned,) = await post.ended(execution_id)
        sent = await post.send(planned)
        assert (sent.state, sent.tries, sent.status) == (DeliveryState.SENT, 1, 200)
        assert sent.finished_at is not None
        (got,) = web.requests
        document = json.loads(got.content)
        assert document["title"] == "demo/build #1 failed"
        assert document["link"] == f"https://ansflow.test/api/v1/executions/{execution_id}"
        assert document["log"] == [f"line {n} [0m" for n in range(11, 31)]
        assert document["step"]["exit_code"] == 2
        assert document["execution"]["ref"] == "refs/heads/main"

    async def test_what_was_sent_is_not_sent_again(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer
    ) -> None:
        await post.rule("failed")
        (planned,) = await post.ended(await run(driver, pipeline))
        await asyncio.gather(*(post.send(planned) for _ in range(3)))
        await post.send(planned)
        assert len(web.requests) == 1

    async def test_tries_are_bounded_and_farther_and_farther_apart(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer
    ) -> None:
        web.status = 503
        await post.rule("failed")
        (planned,) = await post.ended(await run(driver, pipeline))
        for number, pause in enumerate(delivering.BACK_OFF_S, start=1):
            await driver.forget_messages()
            tried = await post.send(planned)
            assert (tried.state, tried.tries) == (DeliveryState.PENDING, number)
            assert (tried.status, tried.result) == (503, "answered 503")
            (due,) = await post.due()
            assert pause - 25 < due < pause + 25
        await driver.forget_messages()
        last = await post.send(planned)
        assert last.state is DeliveryState.FAILED
        assert not await post.due()
        await post.send(planned)
        assert len(web.requests) == len(delivering.BACK_OFF_S) + 1

    async def test_what_will_never_succeed_is_not_tried_again(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer
    ) -> None:
        web.status = 404
        await post.rule("failed")
        (planned,) = await post.ended(await run(driver, pipeline))
        assert (await post.send(planned)).state is DeliveryState.FAILED

    async def test_one_whose_sender_died_is_tried_when_its_time_is_over(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer, database: Database
    ) -> None:
        await post.rule("failed")
        (planned,) = await post.ended(await run(driver, pipeline))

        async def lease(seconds: float) -> None:
            async with database.session() as session:
                await session.execute(
                    update(NotificationDelivery).values(
                        state=DeliveryState.SENDING, lease_until=db_now(seconds)
                    )
                )

        await driver.forget_messages()
        await lease(100.0)
        assert (await post.send(planned)).state is DeliveryState.SENDING
        assert not web.requests
        (due,) = await post.due()
        assert 60 < due < 140
        await lease(-1.0)
        assert (await post.send(planned)).state is DeliveryState.SENT

    async def test_without_its_key_it_fails_and_says_so(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer, database: Database
    ) -> None:
        await post.rule("failed")
        (planned,) = await post.ended(await run(driver, pipeline))
        other = MasterKeys("o" * 40, (), None)
        await deliver(database, planned.id, keys=other, sender=SENDER, base_url="")
        (row,) = await post.deliveries(planned.execution_id)
        assert row.state is DeliveryState.FAILED
        assert "decrypt" in row.result
        assert not web.requests

    async def test_a_deleted_rule_takes_its_deliveries_along(
        self, driver: Driver, pipeline: Pipeline, post: Post, web: HttpServer, database: Database
    ) -> None:
        rule_id = await post.rule("failed")
        (planned,) = await post.ended(await run(driver, pipeline))
        async with database.session() as session:
            await session.delete(await session.get_one(NotificationRule, rule_id))
        await deliver(database, planned.id, keys=KEYS, sender=SENDER, base_url="")
        assert not web.requests


async def test_deliveries_are_listed(
    driver: Driver,
    pipeline: Pipeline,
    post: Post,
    project: Project,
    make: Factory,
    sign_in: SignIn,
    queries: Queries,
) -> None:
    user = await make.user()
    await make.member(project, user, Role.DEVELOPER)
    client: httpx.AsyncClient = await sign_in(user)
    await post.rule("failed")
    path = "/api/v1/projects/demo/notification-deliveries"
    first = await run(driver, pipeline)
    (planned,) = await post.ended(first)
    await post.send(planned)
    second = await run(driver, pipeline)
    await post.ended(second)
    with queries(max=3):
        found = body(await client.get(path))["items"]
    assert [(each["execution_id"], each["state"]) for each in found] == [
        (str(second), "pending"),
        (str(first), "sent"),
    ]
    only = body(await client.get(path, params={"execution_id": str(first), "state": "sent"}))
    assert [each["result"] for each in only["items"]] == ["answered 200"]
    assert only["items"][0]["tries"] == 1
