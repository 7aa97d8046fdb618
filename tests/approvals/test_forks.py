"""Pull requests from forks wait as a whole until a member has approved their commit."""

import uuid
from datetime import timedelta

from app.approvals.models import ApprovalRequest
from app.approvals.service import sweeping
from app.core.clock import utcnow
from app.executions.service.rerun import rerun_execution
from app.jobs.catalog import NotifyHeld
from app.notifications.service.planning import plan_held
from app.projects.models import Role
from tests.approvals.conftest import Scene
from tests.fixtures.answers import body
from tests.notifications.rows import add_rule

SHA = "a" * 40
BUILD = """
on: pull_request
jobs:
  build:
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
  after:
    needs: build
    if: always()
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
"""
GROUPED = BUILD.replace("jobs:", "concurrency: builds\njobs:")


async def start(scene: Scene, source: str = BUILD, *, deliver: bool = True) -> uuid.UUID:
    """What the pull request of somebody outside starts."""
    pipeline = await scene.make.pipeline(scene.project, source=source)
    execution_id = await scene.driver.start(
        pipeline.id,
        event="pull_request",
        ref="refs/pull/7/head",
        sha=SHA,
        actor="mallory",
        trusted=False,
        needs_approval=True,
    )
    if deliver:
        await scene.driver.deliver()
    return execution_id


async def status_of(scene: Scene, execution_id: uuid.UUID) -> tuple[str, str | None]:
    """Status and reason of an execution."""
    execution = await scene.driver.execution(execution_id)
    return str(execution.status), execution.reason


async def end(scene: Scene, execution_id: uuid.UUID) -> None:
    """Cancel an execution, and then also what would outlive that."""
    for _ in range(2):
        await scene.driver.cancel(execution_id)


async def asked_long_ago(scene: Scene, approval_id: str) -> None:
    """As if nobody had decided for 31 days."""
    async with scene.database.session() as session:
        request = await session.get_one(ApprovalRequest, uuid.UUID(approval_id))
        request.created_at = request.look_after = utcnow() - timedelta(days=31)


class TestWaiting:
    async def test_nothing_runs_and_everybody_sees_why(self, scene: Scene) -> None:
        execution_id = await start(scene)
        status, reason = await status_of(scene, execution_id)
        assert (status, reason) == (
            "waiting",
            "waits for the approval of a pull request from a fork",
        )
        assert await scene.driver.statuses(execution_id) == {"build": "blocked", "after": "blocked"}
        assert await scene.driver.claim(execution_id, "build") is None
        eve = await scene.client("eve")
        shown = body(await eve.get(f"/api/v1/executions/{execution_id}"))
        assert [job["why"] for job in shown["jobs"]] == [reason, reason]
        (entry,) = body(await eve.get("/api/v1/queue"))["items"]
        (asked,) = await scene.approvals(execution_id)
        assert (entry["kind"], entry["why"], entry["job_id"]) == ("approval", reason, None)
        assert (entry["approval"]["id"], entry["approval"]["approvals"]) == (asked["id"], 0)
        assert (asked["kind"], asked["state"], asked["sha"]) == ("fork", "open", SHA)
        assert (asked["actor"], asked["environment"], asked["job_id"]) == ("mallory", None, None)

    async def test_who_may_start_executions_is_asked(self, scene: Scene) -> None:
        scene.people["gus"] = await scene.make.user("gus")
        await scene.make.member(scene.project, scene.people["gus"], Role.REPORTER)
        execution_id = await start(scene)
        (asked,) = (await scene.waiting_for("eve"))["items"]
        assert asked["execution_id"] == str(execution_id)
        assert (await scene.waiting_for("gus"))["items"] == []
        refused = await scene.vote("gus", asked["id"])
        assert (refused.status_code, refused.json()["code"]) == (403, "not_an_approver")
        assert "at least developer" in refused.json()["detail"]
        notices = body(await (await scene.client("eve")).get("/api/v1/users/me/notifications"))[
            "items"
        ]
        assert [one["kind"] for one in notices] == ["approval.wanted"]
        assert "pull request from a fork, by mallory" in notices[0]["title"]

    async def test_notification_rules_hear_of_it(self, scene: Scene) -> None:
        await add_rule(scene.database, scene.project.id, events=["approval_wanted"])
        execution_id = await start(scene)
        kinds = [row.kind for row in await scene.driver.messages()]
        assert NotifyHeld.wire in kinds
        await plan_held(scene.database, execution_id=execution_id, attempt=1)
        ann = await scene.client("ann")
        path = f"/api/v1/projects/{scene.project.id}/notification-deliveries"
        (delivery,) = body(await ann.get(path))["items"]
        assert delivery["event"] == "approval_wanted"


class TestDeciding:
    async def test_an_approval_starts_it(self, scene: Scene) -> None:
        execution_id = await start(scene)
        (asked,) = await scene.approvals(execution_id)
        voted = await scene.vote("eve", asked["id"], comment="read it")
        assert (voted.status_code, voted.json()["state"]) == (200, "approved")
        assert await status_of(scene, execution_id) == ("queued", None)
        await scene.driver.run(execution_id, "build")
        await scene.driver.run(execution_id, "after")
        assert (await status_of(scene, execution_id))[0] == "success"
        ann = await scene.client("ann")
        path = f"/api/v1/projects/{scene.project.id}/audit"
        entries = body(await ann.get(path, params={"action": "approval.approve"}))["items"]
        assert [(one["user_name"], one["after"]["sha"]) for one in entries] == [("eve", SHA)]

    async def test_a_rejection_cancels_it_and_runs_nothing(self, scene: Scene) -> None:
        execution_id = await start(scene)
        (asked,) = await scene.approvals(execution_id)
        await scene.vote("eve", asked["id"], "reject", comment="it mines")
        reason = "eve did not approve the pull request from a fork: it mines"
        assert await status_of(scene, execution_id) == ("cancelled", reason)
        statuses = await scene.driver.statuses(execution_id)
        assert statuses == {"build": "cancelled", "after": "cancelled"}
        late = await scene.vote("ann", asked["id"])
        assert (late.status_code, late.json()["code"]) == (409, "approval_closed")

    async def test_it_is_cancelled_when_nobody_decides(self, scene: Scene) -> None:
        execution_id = await start(scene)
        (asked,) = await scene.approvals(execution_id)
        await asked_long_ago(scene, asked["id"])
        await sweeping.look_again(scene.database, max_worker_lost=2)
        reason = "nobody approved the pull request from a fork in time"
        assert await status_of(scene, execution_id) == ("cancelled", reason)
        assert [one["state"] for one in await scene.approvals(execution_id)] == ["expired"]

    async def test_cancelling_closes_the_request(self, scene: Scene) -> None:
        execution_id = await start(scene)
        (asked,) = await scene.approvals(execution_id)
        await scene.driver.cancel(execution_id)
        assert set((await scene.driver.statuses(execution_id)).values()) == {"cancelled"}
        assert [one["state"] for one in await scene.approvals(execution_id)] == ["closed"]
        assert (await scene.vote("eve", asked["id"])).status_code == 409
        assert (await status_of(scene, execution_id))[0] == "cancelled"


class TestRerun:
    async def test_it_does_not_bypass_the_approval(self, scene: Scene) -> None:
        execution_id = await start(scene)
        (asked,) = await scene.approvals(execution_id)
        await scene.vote("eve", asked["id"], "reject")
        ann = await scene.client("ann")
        for chosen in ({"jobs": "all"}, {"jobs": "failed"}, {"key": "build"}):
            again = await ann.post(f"/api/v1/executions/{execution_id}/rerun", json=chosen)
            assert again.status_code == 202
            await scene.driver.deliver()
            assert (await status_of(scene, execution_id))[0] == "waiting"
            assert await scene.driver.claim(execution_id, "build") is None
            asked = (await scene.approvals(execution_id))[-1]
            assert asked["state"] == "open"
            await scene.vote("eve", asked["id"], "reject")

    async def test_nor_does_it_ask_again_for_what_was_approved(self, scene: Scene) -> None:
        execution_id = await start(scene)
        (asked,) = await scene.approvals(execution_id)
        await scene.vote("eve", asked["id"])
        await end(scene, execution_id)
        await rerun_execution(scene.database, execution_id=execution_id, max_worker_lost=2)
        assert (await status_of(scene, execution_id))[0] == "queued"
        assert len(await scene.approvals(execution_id)) == 1


class TestGroups:
    async def test_it_holds_no_place_in_its_group_and_enters_it_once_approved(
        self, scene: Scene
    ) -> None:
        execution_id = await start(scene, GROUPED)
        (asked,) = await scene.approvals(execution_id)
        pipeline = await scene.make.pipeline(scene.project, source=GROUPED)
        other = await scene.driver.start(pipeline.id)
        assert (await status_of(scene, other))[0] == "queued", "nobody holds the group"
        await scene.vote("eve", asked["id"])
        status, reason = await status_of(scene, execution_id)
        assert (status, reason) == ("waiting", "waits for its concurrency group `builds`")
        await end(scene, other)
        await scene.driver.deliver()
        assert await status_of(scene, execution_id) == ("queued", None)


class TestLostMessages:
    async def test_the_scheduler_asks_and_starts_what_was_forgotten(self, scene: Scene) -> None:
        execution_id = await start(scene, deliver=False)
        assert await scene.approvals(execution_id) == []
        await sweeping.look_again(scene.database, max_worker_lost=2)
        (asked,) = await scene.approvals(execution_id)
        eve = await scene.client("eve")
        await eve.post(f"/api/v1/approvals/{asked['id']}/vote", json={"decision": "approve"})
        await sweeping.look_again(scene.database, max_worker_lost=2)
        assert await status_of(scene, execution_id) == ("queued", None)

    async def test_a_repeated_message_asks_once(self, scene: Scene) -> None:
        execution_id = await start(scene)
        await scene.pass_execution(execution_id)
        assert len(await scene.approvals(execution_id)) == 1
