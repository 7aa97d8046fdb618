"""Who may vote, once; what counts when votes, cancels and removals meet."""

import asyncio
import uuid
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import delete, func, select

from app.core.clock import new_id, utcnow
from app.core.crypto import new_token, token_digest
from app.core.db import Database
from app.engine.states import JobStatus
from app.models import (
    ApiToken,
    ApprovalVote,
    AuditEntry,
    ExecutionEvent,
    Member,
    ProjectTeam,
    Team,
    TeamMember,
    User,
)
from app.projects.models import Role, Visibility
from tests.approvals.conftest import DEPLOY, Scene
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries

RETRIED = DEPLOY.replace("environment:", "retry: {max-attempts: 2}\n    environment:")


async def asked(scene: Scene, execution_id: uuid.UUID) -> str:
    """The id of the newest request."""
    found: str = (await scene.approvals(execution_id))[-1]["id"]
    return found


async def remove(scene: Scene, name: str) -> None:
    """Somebody is no longer a member."""
    async with scene.database.session() as session:
        await session.execute(delete(Member).where(Member.user_id == scene.people[name].id))


class TestWho:
    async def test_the_role_decides(self, scene: Scene) -> None:
        await scene.protect()
        request = await asked(scene, await scene.start())
        assert_problem(await scene.vote("eve", request), 403, "not_an_approver")
        assert (await scene.vote("bob", request)).status_code == 200

    async def test_people_that_are_named_vote_whatever_their_role(self, scene: Scene) -> None:
        ids = [str(scene.people["eve"].id)]
        await scene.protect(approver_ids=ids, approver_role=None)
        request = await asked(scene, await scene.start())
        assert_problem(await scene.vote("bob", request), 403, "not_an_approver")
        assert (await scene.vote("eve", request)).status_code == 200

    async def test_teams_give_their_role(self, scene: Scene) -> None:
        await scene.protect()
        team, fay, now = new_id(), await scene.make.user("fay"), utcnow()
        scene.people["fay"] = fay
        async with scene.database.session() as session:
            session.add(Team(id=team, slug="ops", name="ops", created_at=now))
            await session.flush()
            session.add(TeamMember(team_id=team, user_id=fay.id, created_at=now))
            project_id = scene.project.id
            role = Role.MAINTAINER
            session.add(ProjectTeam(project_id=project_id, team_id=team, role=role, created_at=now))
        request = await asked(scene, await scene.start())
        assert [one["id"] for one in (await scene.waiting_for("fay"))["items"]] == [request]
        assert (await scene.vote("fay", request)).status_code == 200

    async def test_nobody_votes_twice(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        request = await asked(scene, execution_id)
        await scene.vote("bob", request)
        assert_problem(await scene.vote("bob", request), 409, "already_voted")
        assert (await scene.job(execution_id))[0] == "waiting"

    async def test_a_stranger_may_not_know_of_it(self, scene: Scene) -> None:
        await scene.protect()
        request = await asked(scene, await scene.start())
        scene.people["gus"] = await scene.make.user("gus")
        assert_problem(await scene.vote("gus", request), 404, "approval_not_found")
        assert_problem(await scene.vote("bob", str(new_id())), 404, "approval_not_found")

    async def test_seeing_a_public_project_is_no_role_in_it(self, scene: Scene) -> None:
        project = await scene.make.project(
            visibility=Visibility.PUBLIC, members={Role.OWNER: scene.people["ann"]}
        )
        scene.project = project
        await scene.protect(approver_role=Role.GUEST)
        scene.people["gus"] = await scene.make.user("gus")
        request = await asked(scene, await scene.start())
        assert_problem(await scene.vote("gus", request), 403, "not_an_approver")

    async def test_a_vote_is_in_the_audit_trail(self, scene: Scene) -> None:
        await scene.protect()
        request = await asked(scene, await scene.start())
        await scene.vote("bob", request, comment="checked")
        async with scene.database.read() as session:
            statement = select(AuditEntry).where(AuditEntry.action == "approval.approve")
            entry = (await session.execute(statement)).scalar_one()
        assert (entry.user_name, entry.project_id) == ("bob", scene.project.id)
        assert entry.after is not None
        assert entry.after["comment"] == "checked"


class TestSelfApproval:
    async def test_who_started_it_may_if_nothing_forbids_it(self, scene: Scene) -> None:
        await scene.protect()
        request = await asked(scene, await scene.start())
        assert (await scene.vote("ann", request)).status_code == 200

    async def test_who_started_it_may_not_vote(self, scene: Scene) -> None:
        await scene.protect(prevent_self_approval=True)
        execution_id = await scene.start()
        request = await asked(scene, execution_id)
        assert (await scene.waiting_for("ann"))["items"] == []
        assert_problem(await scene.vote("ann", request), 403, "self_approval")
        assert_problem(await scene.vote("ann", request, "reject"), 403, "self_approval")
        assert (await scene.vote("bob", request)).json()["state"] == "approved"

    async def test_nor_who_re_runs_it(self, scene: Scene) -> None:
        await scene.protect(prevent_self_approval=True)
        execution_id = await scene.start()
        await scene.vote("bob", await asked(scene, execution_id), "reject")
        bob = await scene.client("bob")
        path = f"/api/v1/executions/{execution_id}/rerun"
        body(await bob.post(path, json={"jobs": "all"}), 202)
        await scene.pass_gates(execution_id)
        request = await asked(scene, execution_id)
        assert (await scene.waiting_for("bob"))["items"] == []
        for name in ("ann", "bob"):
            assert_problem(await scene.vote(name, request), 403, "self_approval")
        assert (await scene.vote("cat", request)).json()["state"] == "approved"

    async def test_nor_who_pushed_it_under_the_same_name(self, scene: Scene) -> None:
        await scene.protect(prevent_self_approval=True)
        pipeline = await scene.make.pipeline(scene.project, source=DEPLOY)
        execution_id = await scene.driver.start(pipeline.id, actor="Bob")
        await scene.driver.deliver()
        request = await asked(scene, execution_id)
        assert_problem(await scene.vote("bob", request), 403, "self_approval")

    async def test_nor_who_starts_it_by_a_token_of_the_project(
        self, scene: Scene, client: httpx.AsyncClient
    ) -> None:
        await scene.protect(prevent_self_approval=True)
        pipeline = await scene.make.pipeline(scene.project, source=DEPLOY)
        bob = await scene.client("bob")
        fields = {
            "name": "ci",
            "role": "developer",
            "scopes": ["read", "write"],
            "expires_at": (utcnow() + timedelta(days=1)).isoformat(),
        }
        token = body(await bob.post("/api/v1/projects/demo/tokens", json=fields), 201)["token"]
        started = await client.post(
            f"/api/v1/pipelines/{pipeline.id}/executions",
            json={},
            headers={"Authorization": f"Bearer {token}"},
        )
        execution_id = uuid.UUID(body(started, 202)["id"])
        await scene.pass_gates(execution_id)
        request = await asked(scene, execution_id)
        assert (await scene.waiting_for("bob"))["items"] == []
        assert_problem(await scene.vote("bob", request), 403, "self_approval")
        assert (await scene.vote("ann", request)).json()["state"] == "approved"

    async def test_nor_who_starts_it_by_a_token_that_such_a_token_made(
        self, scene: Scene, client: httpx.AsyncClient
    ) -> None:
        await scene.protect(prevent_self_approval=True)
        pipeline = await scene.make.pipeline(scene.project, source=DEPLOY)
        fields = {
            "role": "maintainer",
            "scopes": ["read", "write", "admin"],
            "expires_at": (utcnow() + timedelta(days=1)).isoformat(),
        }
        path = "/api/v1/projects/demo/tokens"
        ann = await scene.client("ann")
        first = body(await ann.post(path, json={**fields, "name": "one"}), 201)["token"]
        headers = {"Authorization": f"Bearer {first}"}
        given = {**fields, "name": "two", "role": "developer"}
        second = body(await client.post(path, json=given, headers=headers), 201)["token"]
        started = await client.post(
            f"/api/v1/pipelines/{pipeline.id}/executions",
            json={},
            headers={"Authorization": f"Bearer {second}"},
        )
        execution_id = uuid.UUID(body(started, 202)["id"])
        await scene.pass_gates(execution_id)
        request = await asked(scene, execution_id)
        assert_problem(await scene.vote("ann", request), 403, "self_approval")
        assert (await scene.vote("bob", request)).json()["state"] == "approved"

    async def test_tokens_of_projects_never_vote(
        self, scene: Scene, client: httpx.AsyncClient
    ) -> None:
        await scene.protect()
        request = await asked(scene, await scene.start())
        token, now = new_token(), utcnow()
        machine = User(
            id=new_id(),
            name="ci",
            name_folded="ci",
            created_at=now,
            project_id=scene.project.id,
            project_role=Role.OWNER.value,
        )
        row = ApiToken(
            id=new_id(),
            user_id=machine.id,
            name="ci",
            digest=token_digest(token),
            scopes=["read", "write"],
            created_at=now,
        )
        async with scene.database.session() as session:
            session.add(machine)
            await session.flush()
            session.add(row)
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post(
            f"/api/v1/approvals/{request}/vote", json={"decision": "approve"}, headers=headers
        )
        assert_problem(answer, 403, "people_only")
        assert body(await client.get("/api/v1/approvals", headers=headers))["items"] == []


class TestRaces:
    async def test_two_votes_at_once_reach_the_quorum_once(self, scene: Scene) -> None:
        await scene.protect(required_approvals=3)
        for _ in range(3):
            execution_id = await scene.start()
            request = await asked(scene, execution_id)
            for name in ("bob", "cat", "dan"):
                await scene.client(name)
            answers = await asyncio.gather(
                *(scene.vote(name, request) for name in ("bob", "cat", "dan"))
            )
            assert [answer.status_code for answer in answers] == [200, 200, 200]
            assert await scene.job(execution_id) == ("queued", None)
            assert await opened(scene.database, execution_id) == 1

    async def test_the_same_person_twice_at_once_counts_once(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        request = await asked(scene, execution_id)
        await scene.client("bob")
        answers = await asyncio.gather(*(scene.vote("bob", request) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert (await scene.job(execution_id))[0] == "waiting"
        async with scene.database.read() as session:
            assert (await session.execute(select(func.count(ApprovalVote.user_id)))).scalar() == 1

    async def test_approval_and_rejection_at_once_agree(self, scene: Scene) -> None:
        await scene.protect()
        execution_id = await scene.start()
        request = await asked(scene, execution_id)
        for name in ("bob", "cat"):
            await scene.client(name)
        await asyncio.gather(scene.vote("bob", request), scene.vote("cat", request, "reject"))
        (found,) = await scene.approvals(execution_id)
        status = (await scene.job(execution_id))[0]
        # After the last approval a rejection may come in time only if the gate is still closed.
        assert (found["state"], status) in {("approved", "queued"), ("rejected", "failure")}

    async def test_a_vote_after_the_cancel_is_refused(self, scene: Scene) -> None:
        await scene.protect()
        execution_id = await scene.start()
        request = await asked(scene, execution_id)
        await scene.driver.cancel(execution_id)
        for decision in ("approve", "reject"):
            assert_problem(await scene.vote("bob", request, decision), 409, "approval_closed")
        assert (await scene.job(execution_id))[0] == "cancelled"

    async def test_a_vote_on_an_old_attempt_is_refused(self, scene: Scene) -> None:
        await scene.protect(required_approvals=1)
        execution_id = await scene.start(RETRIED)
        first = await asked(scene, execution_id)
        await scene.vote("bob", first)
        await scene.driver.run(execution_id, "deploy", JobStatus.FAILURE)
        await scene.driver.deliver()
        assert_problem(await scene.vote("cat", first), 409, "approval_closed")
        assert (await scene.job(execution_id))[0] == "waiting"
        assert await asked(scene, execution_id) != first

    async def test_the_vote_of_who_lost_the_right_does_not_count(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        execution_id = await scene.start()
        request = await asked(scene, execution_id)
        await scene.vote("bob", request)
        await remove(scene, "bob")
        await scene.vote("cat", request)
        status, reason = await scene.job(execution_id)
        assert status == "waiting"
        assert "1 of 2 given" in (reason or "")
        assert (await scene.vote("dan", request)).json()["state"] == "approved"

    async def test_who_lost_the_right_cannot_vote(self, scene: Scene) -> None:
        await scene.protect()
        request = await asked(scene, await scene.start())
        await remove(scene, "bob")
        assert_problem(await scene.vote("bob", request), 404, "approval_not_found")


class TestTelling:
    async def test_approvers_find_it_in_their_inbox_and_who_started_it_does_not(
        self, scene: Scene
    ) -> None:
        await scene.protect(prevent_self_approval=True)
        execution_id = await scene.start()
        told = {}
        for name in scene.people:
            client = await scene.client(name)
            items = body(await client.get("/api/v1/users/me/notifications"))["items"]
            told[name] = [item["kind"] for item in items]
        wanted = ["approval.wanted"]
        assert told == {"ann": [], "bob": wanted, "cat": wanted, "dan": wanted, "eve": []}
        job = (await scene.driver.jobs(execution_id))["deploy"]
        kinds = [row.body for row in await scene.driver.messages() if row.kind == "approval.notify"]
        assert kinds == [{"job_id": str(job.id), "attempt": 1}]


class TestWaitingForMe:
    async def test_it_lists_what_i_can_decide_in_pages(
        self, scene: Scene, queries: Queries
    ) -> None:
        await scene.protect(required_approvals=2)
        requests = [await asked(scene, await scene.start()) for _ in range(3)]
        await scene.vote("bob", requests[0])
        assert (await scene.waiting_for("eve"))["items"] == []
        first = await scene.waiting_for("bob", limit=1)
        assert [one["id"] for one in first["items"]] == [requests[2]]
        with queries(max=3) as seen:
            second = await scene.waiting_for("bob", limit=1, after=first["next"])
        assert [one["id"] for one in second["items"]] == [requests[1]]
        assert second["next"] is None
        with queries() as more:
            assert len((await scene.waiting_for("cat"))["items"]) == 3
        assert len(more) == len(seen)

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_an_execution_lists_its_requests_at_constant_cost(
        self, scene: Scene, queries: Queries
    ) -> None:
        await scene.protect(required_approvals=2)
        counts = []
        for jobs in (1, 3):
            text = "on: workflow_dispatch\njobs:\n" + "".join(
                f"  j{n}: {{runs-on: x, environment: production, steps: [{{run: 'true'}}]}}\n"
                for n in range(jobs)
            )
            execution_id = await scene.start(text)
            with queries() as seen:
                assert len(await scene.approvals(execution_id)) == jobs
            counts.append(len(seen))
        assert counts[0] == counts[1] <= 4


async def opened(database: Database, execution_id: uuid.UUID) -> int:
    """How often the gate of an execution's job was opened."""
    async with database.read() as session:
        statement = select(func.count()).where(
            ExecutionEvent.execution_id == execution_id,
            ExecutionEvent.cause == "GateOpened",
            ExecutionEvent.type == "job.changed",
        )
        return (await session.execute(statement)).scalar_one()
