"""Tokens of projects: one project, one role, an end."""

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app.auth.models import ApiToken, User
from app.auth.service.clean_up import clean_up
from app.core.clock import utcnow
from app.core.db import Database
from app.projects.models import Project, Role, Visibility
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn

TOKENS = "/api/v1/projects/demo/tokens"


def wanted(role: str = "developer", **changes: Any) -> dict[str, Any]:
    ends = (utcnow() + timedelta(days=1)).isoformat()
    return {"name": "ci", "role": role, "scopes": ["read", "write"], "expires_at": ends} | changes


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


@pytest.fixture
async def maintainer(make: Factory, sign_in: SignIn, project: Project) -> httpx.AsyncClient:
    alice = await make.user("alice")
    await make.member(project, alice, Role.MAINTAINER)
    return await sign_in(alice)


def bearing(application: FastAPI, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application),
        base_url="http://ansflow.test",
        headers={"Authorization": f"Bearer {token}"},
    )


class TestUse:
    async def test_it_acts_in_its_project_and_sees_nothing_else(
        self,
        make: Factory,
        project: Project,
        maintainer: httpx.AsyncClient,
        application: FastAPI,
    ) -> None:
        own = await make.pipeline(project)
        public = await make.project("public", visibility=Visibility.PUBLIC)
        other = await make.pipeline(public)
        made = body(await maintainer.post(TOKENS, json=wanted()), 201)
        async with bearing(application, made["token"]) as script:
            listed = body(await script.get("/api/v1/projects"))["items"]
            assert [each["slug"] for each in listed] == ["demo"]
            listed = body(await script.get("/api/v1/pipelines/status"))["items"]
            assert [each["id"] for each in listed] == [str(own.id)]
            body(await script.post(f"/api/v1/pipelines/{own.id}/executions", json={}), 202)
            listed = body(await script.get("/api/v1/executions"))["items"]
            assert [each["actor"] for each in listed] == ["ci (project token)"]
            for path in (
                "projects/public",
                f"pipelines/{other.id}",
                f"pipelines/{other.id}/status",
            ):
                assert (await script.get(f"/api/v1/{path}")).status_code == 404, path

    async def test_its_role_is_all_that_it_has(
        self, make: Factory, project: Project, application: FastAPI
    ) -> None:
        pipeline = await make.pipeline(project)
        async with bearing(application, await make.project_token(project, Role.GUEST)) as script:
            body(await script.get(f"/api/v1/pipelines/{pipeline.id}"))
            answer = await script.post(f"/api/v1/pipelines/{pipeline.id}/executions", json={})
            assert_problem(answer, 403, "role_too_low")
            assert_problem(await script.get(TOKENS), 403, "role_too_low")

    async def test_it_is_no_person(
        self, make: Factory, project: Project, application: FastAPI
    ) -> None:
        token = await make.project_token(project, Role.OWNER)
        async with bearing(application, token) as script:
            for method, path in (
                ("POST", "projects"),
                ("GET", "users/me"),
                ("PATCH", "users/me"),
                ("GET", "auth/tokens"),
                ("POST", "auth/tokens"),
                ("POST", "auth/password"),
                ("GET", "teams"),
            ):
                answer = await script.request(method, f"/api/v1/{path}", json={})
                assert_problem(answer, 403, "people_only")
            assert_problem(await script.get("/api/v1/users"), 403, "administrator_only")

    async def test_it_is_in_no_list_of_users_and_in_no_team(
        self, make: Factory, sign_in: SignIn, project: Project, database: Database
    ) -> None:
        root = await sign_in(await make.user("root", administrator=True))
        await make.project_token(project, Role.OWNER)
        listed = body(await root.get("/api/v1/users"))["items"]
        assert [user["name"] for user in listed] == ["root"]
        async with database.read() as session:
            found = select(User).where(User.project_id.is_not(None))
            user = (await session.scalars(found)).one()
        path = f"/api/v1/users/{user.id}"
        answer = await root.patch(path, json={"is_administrator": True})
        assert_problem(answer, 404, "user_not_found")
        for name in (user.name, user.name_folded):
            answer = await root.put(f"/api/v1/projects/demo/members/{name}", json={"role": "owner"})
            assert_problem(answer, 404, "user_not_found")

    async def test_a_ticket_made_with_it_is_worth_no_more(
        self, make: Factory, project: Project, application: FastAPI
    ) -> None:
        token = await make.project_token(project, Role.DEVELOPER)
        runtime = application.state.runtime
        principal = await runtime.authenticator.by_token(token)
        ticket, _ = await runtime.realtime.tickets.issue(principal)
        assert await runtime.realtime.tickets.redeem(ticket) == principal


class TestCreate:
    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
    async def test_up_to_the_own_role(
        self, maintainer: httpx.AsyncClient, project: Project, role: Role
    ) -> None:
        assert body(await maintainer.post(TOKENS, json=wanted(role.value)), 201)["role"] == role

    async def test_not_above_it(self, maintainer: httpx.AsyncClient) -> None:
        answer = await maintainer.post(TOKENS, json=wanted("owner"))
        assert_problem(answer, 403, "role_too_low")

    async def test_a_token_makes_no_stronger_or_longer_one(
        self, make: Factory, project: Project, application: FastAPI, database: Database
    ) -> None:
        token = await make.project_token(project, Role.MAINTAINER, "write", "admin")
        async with database.session() as session:
            soon = utcnow() + timedelta(hours=1)
            await session.execute(update(ApiToken).values(expires_at=soon))
        async with bearing(application, token) as script:
            answer = await script.post(TOKENS, json=wanted("owner"))
            assert_problem(answer, 403, "role_too_low")
            answer = await script.post(TOKENS, json=wanted())
            assert_problem(answer, 403, "token_exceeds_caller")
            answer = await script.post(TOKENS, json=wanted(scopes=["write"]))
            assert_problem(answer, 403, "token_exceeds_caller")

    @pytest.mark.parametrize(
        "changes",
        [
            {"expires_at": None},
            {"expires_at": "2020-01-01T00:00:00Z"},
            {"scopes": []},
            {"role": "root"},
            {"name": "a\x00b"},
            {"project_id": str(uuid.UUID(int=1))},
            {"is_administrator": True},
        ],
    )
    async def test_malformed_input_is_refused(
        self, maintainer: httpx.AsyncClient, changes: dict[str, Any]
    ) -> None:
        answer = await maintainer.post(TOKENS, json=wanted(**changes))
        assert answer.status_code == 422

    async def test_any_name_will_do(self, maintainer: httpx.AsyncClient) -> None:
        for name in ("\U0001f680" * 100, "\N{LATIN SMALL LETTER SHARP S}" * 100, "alice", "alice"):
            made = body(await maintainer.post(TOKENS, json=wanted(name=name)), 201)
            assert made["name"] == name

    async def test_only_with_the_scope_admin_and_as_maintainer(
        self, make: Factory, sign_in: SignIn, project: Project
    ) -> None:
        bob = await make.user("bob")
        member = await make.member(project, bob, Role.DEVELOPER)
        answer = await (await sign_in(bob)).post(TOKENS, json=wanted("guest"))
        assert_problem(answer, 403, "role_too_low")
        assert member.role is Role.DEVELOPER
        owner = await make.user("owner")
        await make.member(project, owner, Role.OWNER)
        limited = await sign_in(owner, "read", "write")
        answer = await limited.post(TOKENS, json=wanted("guest"))
        assert_problem(answer, 403, "insufficient_scope")


class TestEnd:
    async def test_maintainers_list_and_revoke_them(
        self, maintainer: httpx.AsyncClient, application: FastAPI
    ) -> None:
        made = body(await maintainer.post(TOKENS, json=wanted()), 201)
        listed = body(await maintainer.get(TOKENS))["items"]
        assert [each["id"] for each in listed] == [made["id"]]
        assert made["token"] not in str(listed)
        async with bearing(application, made["token"]) as script:
            body(await script.get("/api/v1/pipelines/status"))
            body(await maintainer.delete(f"{TOKENS}/{made['id']}"), 204)
            answer = await script.get("/api/v1/pipelines/status")
            assert_problem(answer, 401, "invalid_token")
        answer = await maintainer.delete(f"{TOKENS}/{made['id']}")
        assert_problem(answer, 404, "token_not_found")

    async def test_a_maintainer_does_not_revoke_that_of_an_owner(
        self, make: Factory, maintainer: httpx.AsyncClient, project: Project
    ) -> None:
        await make.project_token(project, Role.OWNER)
        (listed,) = body(await maintainer.get(TOKENS))["items"]
        answer = await maintainer.delete(f"{TOKENS}/{listed['id']}")
        assert_problem(answer, 403, "role_too_low")

    async def test_those_of_other_projects_do_not_exist(
        self, make: Factory, maintainer: httpx.AsyncClient, sign_in: SignIn
    ) -> None:
        made = body(await maintainer.post(TOKENS, json=wanted()), 201)
        other, bob = await make.project("other"), await make.user("bob")
        await make.member(other, bob, Role.OWNER)
        client = await sign_in(bob)
        answer = await client.delete(f"/api/v1/projects/other/tokens/{made['id']}")
        assert_problem(answer, 404, "token_not_found")
        answer = await client.delete(f"/api/v1/auth/tokens/{made['id']}")
        assert_problem(answer, 404, "token_not_found")

    async def test_they_go_with_the_project(
        self, make: Factory, sign_in: SignIn, project: Project, database: Database
    ) -> None:
        token = await make.project_token(project, Role.OWNER)
        owner = await make.user("owner")
        await make.member(project, owner, Role.OWNER)
        client = await sign_in(owner)
        body(await client.delete("/api/v1/projects/demo"), 204)
        async with database.read() as session:
            users = select(User).where(User.project_id.is_not(None))
            assert (await session.scalars(users)).all() == []
        client.headers["Authorization"] = f"Bearer {token}"
        assert_problem(await client.get("/api/v1/projects"), 401, "invalid_token")

    async def test_expired_ones_are_removed_with_what_they_acted_as(
        self, make: Factory, project: Project, database: Database
    ) -> None:
        await make.project_token(project, Role.OWNER)
        await make.token(await make.user("alice"))
        async with database.session() as session:
            await session.execute(update(ApiToken).values(expires_at=utcnow() - timedelta(days=1)))
        assert await clean_up(database, session_idle_s=3600) == 2
        async with database.read() as session:
            names = (await session.scalars(select(User.name))).all()
        assert names == ["alice"]
