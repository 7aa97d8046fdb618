"""Protected environments hold jobs, whatever started them, and let them through once."""

import uuid
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from app.approvals.models import ApprovalRequest, ApprovalState
from app.approvals.service import gate, sweeping
from app.core.clock import utcnow
from app.engine.states import JobStatus
from app.executions.models import Job
from app.executions.service.rerun import rerun_execution
from app.jobs.catalog import PassGate
from app.projects.models import Role
from app.settings import Settings
from tests.approvals.conftest import DEPLOY, Scene
from tests.fixtures.answers import body
from workers.scheduler import Scheduler

GROUPED = DEPLOY.replace("environment:", "concurrency: prod\n    environment:")
RETRIED = DEPLOY.replace("environment:", "retry: {max-attempts: 2}\n    environment:")


async def request_of(scene: Scene, approval_id: str, **changes: object) -> ApprovalRequest:
    """The row of a request, after these changes."""
    async with scene.database.session() as session:
        request = await session.get_one(ApprovalRequest, uuid.UUID(approval_id))
        for name, value in changes.items():
            setattr(request, name, value)
    return request


def open_for(asked: dict[str, Any]) -> timedelta:
    """How long a request stays open in all."""
    ends, made = (datetime.fromisoformat(asked[name]) for name in ("expires_at", "created_at"))
    return ends - made


async def held_for(scene: Scene, approval_id: str) -> timedelta:
    """As `open_for`, of the row."""
    request = await request_of(scene, approval_id)
    return request.expires_at - request.created_at


async def waits_since(scene: Scene, execution_id: uuid.UUID, moment: datetime) -> None:
    """As if the job `deploy` had come to its gate then."""
    job_id = (await scene.driver.jobs(execution_id))["deploy"].id
    async with scene.database.session() as session:
        (await session.get_one(Job, job_id)).queued_at = moment


class TestWaiting:
    async def test_it_waits_says_why_and_holds_no_worker(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        status, reason = await scene.job(execution_id)
        assert status == "waiting"
        assert reason is not None
        assert reason.startswith("waits for approval of the environment `Production`: 0 of 2")
        assert await scene.driver.claim(execution_id, "deploy") is None
        (asked,) = await scene.approvals(execution_id)
        assert (asked["state"], asked["required"], asked["votes"]) == ("open", 2, [])
        events = await scene.driver.events(execution_id)
        assert events[-1].data["reason"] == reason

    async def test_without_rules_it_runs_at_once(self, scene: Scene) -> None:
        execution_id = await scene.start()
        assert await scene.job(execution_id) == ("queued", None)
        await scene.protect(required_approvals=0)
        assert await scene.job(await scene.start()) == ("queued", None)
        assert await scene.approvals(execution_id) == []

    async def test_the_quorum_lets_it_through(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        (asked,) = await scene.approvals(execution_id)
        assert (await scene.vote("bob", asked["id"], comment="looks good")).status_code == 200
        status, reason = await scene.job(execution_id)
        assert status == "waiting"
        assert "1 of 2 given" in (reason or "")
        voted = (await scene.vote("cat", asked["id"])).json()
        assert voted["state"] == "approved"
        assert [vote["name"] for vote in voted["votes"]] == ["bob", "cat"]
        assert await scene.job(execution_id) == ("queued", None)
        await scene.driver.run(execution_id, "deploy")
        assert (await scene.driver.execution(execution_id)).status == "success"

    async def test_one_rejection_ends_it_as_failed(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        (asked,) = await scene.approvals(execution_id)
        await scene.vote("bob", asked["id"])
        voted = (await scene.vote("cat", asked["id"], "reject", "not on a Friday")).json()
        assert voted["state"] == "rejected"
        reason = "cat rejected its deployment to the environment `Production`: not on a Friday"
        assert await scene.job(execution_id) == ("failure", reason)
        assert (await scene.driver.execution(execution_id)).status == "failure"

    async def test_first_approval_then_the_group(self, scene: Scene) -> None:
        await scene.protect()
        pipeline = await scene.make.pipeline(scene.project, source=GROUPED)
        first, second = [await scene.driver.start(pipeline.id) for _ in range(2)]
        await scene.driver.deliver()
        (asked,) = await scene.approvals(second)
        await scene.vote("bob", asked["id"])
        assert (await scene.job(second))[0] == "queued"
        (asked,) = await scene.approvals(first)
        await scene.vote("bob", asked["id"])
        assert await scene.job(first) == ("waiting", "waits for the concurrency group `prod`")
        await scene.driver.run(second, "deploy")
        await scene.driver.deliver()
        assert await scene.job(first) == ("queued", None)

    async def test_a_newcomer_cancels_the_holder_only_once_it_is_approved(
        self, scene: Scene
    ) -> None:
        await scene.protect()
        replacing = "concurrency: {group: prod, cancel-in-progress: true}\n    environment:"
        pipeline = await scene.make.pipeline(
            scene.project, source=DEPLOY.replace("environment:", replacing)
        )
        first, second = [await scene.driver.start(pipeline.id) for _ in range(2)]
        await scene.driver.deliver()
        (asked,) = await scene.approvals(first)
        await scene.vote("bob", asked["id"])
        assert (await scene.job(first))[0] == "queued"
        (asked,) = await scene.approvals(second)
        await scene.vote("bob", asked["id"])
        await scene.driver.deliver()
        assert (await scene.job(first))[0] == "cancelled"
        await scene.driver.deliver()
        assert (await scene.job(second))[0] == "queued"

    async def test_an_execution_that_is_admitted_later_asks_then(self, scene: Scene) -> None:
        await scene.protect()
        source = DEPLOY.replace("jobs:", "concurrency: all\njobs:")
        pipeline = await scene.make.pipeline(scene.project, source=source)
        first, second = [await scene.driver.start(pipeline.id) for _ in range(2)]
        await scene.driver.deliver()
        assert len(await scene.approvals(first)) == 1
        assert await scene.approvals(second) == []
        await scene.driver.cancel(first)
        await scene.driver.deliver()
        assert (await scene.job(second))[0] == "waiting"
        assert [one["state"] for one in await scene.approvals(second)] == ["open"]


class TestBranches:
    @pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1"])
    async def test_an_allowed_one_runs(self, scene: Scene, ref: str) -> None:
        await scene.protect(required_approvals=0, allowed_branches=["main", "v*"])
        assert (await scene.job(await scene.start(ref=ref)))[0] == "queued"

    @pytest.mark.parametrize("ref", [None, "refs/heads/mainly", "refs/pull/1/merge"])
    async def test_any_other_is_refused_at_once(self, scene: Scene, ref: str | None) -> None:
        await scene.protect(allowed_branches=["main"])
        execution_id = await scene.start(ref=ref)
        status, reason = await scene.job(execution_id)
        assert status == "failure"
        assert (reason or "").startswith("refused by the environment `Production`: only branches")
        assert await scene.approvals(execution_id) == []


class TestAttempts:
    async def test_a_new_attempt_asks_again(self, scene: Scene) -> None:
        await scene.protect()
        execution_id = await scene.start(RETRIED)
        (first,) = await scene.approvals(execution_id)
        await scene.vote("bob", first["id"])
        await scene.driver.run(execution_id, "deploy", JobStatus.FAILURE)
        await scene.driver.deliver()
        assert (await scene.job(execution_id))[0] == "waiting"
        approved, second = await scene.approvals(execution_id)
        assert (approved["state"], approved["attempt"]) == ("approved", 1)
        assert (second["state"], second["attempt"], second["votes"]) == ("open", 2, [])

    async def test_so_does_a_rerun(self, scene: Scene) -> None:
        await scene.protect()
        execution_id = await scene.start()
        (first,) = await scene.approvals(execution_id)
        await scene.vote("bob", first["id"], "reject")
        await rerun_execution(scene.database, execution_id=execution_id, max_worker_lost=2)
        await scene.driver.deliver()
        assert [one["state"] for one in await scene.approvals(execution_id)] == [
            "rejected",
            "open",
        ]

    async def test_cancelling_closes_the_request(self, scene: Scene) -> None:
        await scene.protect()
        execution_id = await scene.start()
        await scene.driver.cancel(execution_id)
        (asked,) = await scene.approvals(execution_id)
        assert asked["state"] == "closed"
        assert (await scene.waiting_for("bob"))["items"] == []
        await request_of(scene, asked["id"], look_after=utcnow() - timedelta(hours=1))
        await sweeping.look_again(scene.database, max_worker_lost=2)
        request = await request_of(scene, asked["id"])
        assert request.state is ApprovalState.CLOSED
        assert (await scene.job(execution_id))[0] == "cancelled"


class TestTime:
    async def test_the_timer_holds_it_although_it_is_approved(self, scene: Scene) -> None:
        await scene.protect(wait_minutes=60)
        execution_id = await scene.start()
        (asked,) = await scene.approvals(execution_id)
        assert asked["wait_until"] is not None
        voted = (await scene.vote("bob", asked["id"])).json()
        assert voted["state"] == "open"
        status, reason = await scene.job(execution_id)
        assert status == "waiting"
        assert (reason or "").startswith("waits for the wait timer of the environment `Production`")
        # An hour later.
        created_at = utcnow() - timedelta(minutes=61)
        await request_of(scene, asked["id"], created_at=created_at, look_after=created_at)
        await sweeping.look_again(scene.database, max_worker_lost=2)
        assert await scene.job(execution_id) == ("queued", None)

    async def test_a_timer_alone_asks_nobody(self, scene: Scene) -> None:
        await scene.protect(required_approvals=0, wait_minutes=2)
        execution_id = await scene.start()
        assert (await scene.job(execution_id))[0] == "waiting"
        assert (await scene.waiting_for("bob"))["items"] == []
        delayed = [row for row in await scene.driver.messages() if row.kind == PassGate.wire]
        assert len(delayed) == 1
        assert delayed[0].not_before > utcnow() + timedelta(seconds=30)

    async def test_it_fails_when_nobody_decides(self, scene: Scene) -> None:
        await scene.protect()
        execution_id = await scene.start()
        (asked,) = await scene.approvals(execution_id)
        long_ago = utcnow() - timedelta(days=31)
        await request_of(
            scene, asked["id"], created_at=long_ago, expires_at=long_ago, look_after=long_ago
        )
        assert (await scene.vote("bob", asked["id"])).status_code == 409
        await sweeping.look_again(scene.database, max_worker_lost=2)
        status, reason = await scene.job(execution_id)
        assert status == "failure"
        assert (reason or "").startswith("the approval of the environment `Production` expired")
        (asked,) = await scene.approvals(execution_id)
        assert asked["state"] == "expired"

    async def test_the_setting_says_when_and_the_environment_says_otherwise(
        self, scene: Scene
    ) -> None:
        environment = await scene.protect(wait_minutes=30)
        day = timedelta(days=1)
        (asked,) = await scene.approvals(await scene.start())
        assert open_for(asked) == timedelta(days=30, minutes=30)
        await request_of(scene, asked["id"], look_after=utcnow() - day)
        await sweeping.look_again(scene.database, max_worker_lost=2, expires_after=day)
        assert await held_for(scene, asked["id"]) == day + timedelta(minutes=30)
        async with scene.database.session() as session:
            (await session.merge(environment)).approval_hours = 2
        await request_of(scene, asked["id"], look_after=utcnow() - day)
        await sweeping.look_again(scene.database, max_worker_lost=2, expires_after=day)
        assert await held_for(scene, asked["id"]) == timedelta(hours=2, minutes=30)
        request = await request_of(scene, asked["id"])
        assert request.wait_until == request.created_at + timedelta(minutes=30)

    async def test_administrators_change_the_setting(self, scene: Scene) -> None:
        root = await scene.sign_in(await scene.make.user("root", administrator=True))
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        (asked,) = await scene.approvals(execution_id)
        for refused in (0, 8761, 1.5, "day"):
            answer = await root.patch("/api/v1/settings", json={"approval_hours": refused})
            assert answer.status_code == 422
        body(await root.patch("/api/v1/settings", json={"approval_hours": 1}))
        voted = (await scene.vote("bob", asked["id"])).json()
        assert open_for(voted) == timedelta(hours=1)

    async def test_milder_rules_reach_those_that_wait(self, scene: Scene) -> None:
        environment = await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        (asked,) = await scene.approvals(execution_id)
        await scene.vote("bob", asked["id"])
        async with scene.database.session() as session:
            (await session.merge(environment)).required_approvals = 1
        await request_of(scene, asked["id"], look_after=utcnow() - timedelta(hours=1))
        await sweeping.look_again(scene.database, max_worker_lost=2)
        assert await scene.job(execution_id) == ("queued", None)


class TestLostMessages:
    async def test_the_scheduler_asks_for_who_was_forgotten(
        self, scene: Scene, settings: Settings
    ) -> None:
        scheduler = Scheduler(settings, scene.database, depths=cast(Any, None))
        await scene.protect()
        pipeline = await scene.make.pipeline(scene.project, source=DEPLOY)
        execution_id = await scene.driver.start(pipeline.id)
        assert await scene.approvals(execution_id) == []
        await waits_since(scene, execution_id, utcnow() + timedelta(minutes=1))
        await scheduler.sweep()
        assert await scene.approvals(execution_id) == [], "it has only just begun to wait"
        await waits_since(scene, execution_id, utcnow() - timedelta(seconds=10))
        await scheduler.sweep()
        assert len(await scene.approvals(execution_id)) == 1

    async def test_a_repeated_message_asks_once(self, scene: Scene) -> None:
        await scene.protect(approver_role=Role.OWNER)
        execution_id = await scene.start()
        job = (await scene.driver.jobs(execution_id))["deploy"]
        seq = (await scene.driver.execution(execution_id)).seq
        for _ in range(2):
            message = PassGate(job_id=job.id, attempt=1)
            await gate.pass_gate(scene.database, message, max_worker_lost=2)
        assert len(await scene.approvals(execution_id)) == 1
        assert (await scene.driver.execution(execution_id)).seq == seq
