"""From a recorded delivery to what somebody reads: sent once, tried again within bounds."""

import asyncio
import json
import uuid

import httpx
from sqlalchemy import select, update

from app.core.clock import db_now, utcnow
from app.core.db import Database
from app.core.log_chunks import Times, compress, digest, encode_times
from app.core.sealing import MasterKeys
from app.engine.states import StepStatus
from app.executions.models import Step
from app.logs.models import LogChunk
from app.models import (
    NotificationDelivery,
    NotificationRule,
    Pipeline,
    Project,
)
from app.notifications.models import DeliveryState
from app.notifications.service import delivering
from app.notifications.service.delivering import deliver
from app.projects.models import Role
from tests.executions.driver import Driver
from tests.fixtures.answers import body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.notifications.post import KEYS, SENDER, Post, run
from tests.notifications.servers import HttpServer


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
        assert document["link"] == f"https://ansflow.test/live#execution={execution_id}"
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
