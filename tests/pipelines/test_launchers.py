"""Launchers: they see and start one pipeline, and nothing else."""

import httpx
import pytest
from fastapi import FastAPI

from app.auth.models import User
from app.pipelines.models import Pipeline
from app.projects.models import Project, Role, Visibility
from app.realtime.topics import TopicKind, TopicName
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

PIPELINES = "/api/v1/pipelines"


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


@pytest.fixture
async def pipeline(make: Factory, project: Project) -> Pipeline:
    return await make.pipeline(project, "release")


@pytest.fixture
async def maintainer(make: Factory, sign_in: SignIn, project: Project) -> httpx.AsyncClient:
    user = await make.user("maintainer")
    await make.member(project, user, Role.MAINTAINER)
    return await sign_in(user)


@pytest.fixture
async def alice(make: Factory) -> User:
    return await make.user("alice")


def launchers(pipeline: Pipeline, which: str = "") -> str:
    return f"{PIPELINES}/{pipeline.id}/launchers{which}"


class TestRight:
    @pytest.mark.parametrize("by", ["user", "team"])
    async def test_it_comes_and_goes_at_once(
        self,
        make: Factory,
        sign_in: SignIn,
        pipeline: Pipeline,
        maintainer: httpx.AsyncClient,
        alice: User,
        by: str,
    ) -> None:
        await make.team("ops", alice)
        client = await sign_in(alice)
        path = launchers(pipeline, "/users/alice" if by == "user" else "/teams/ops")
        status, start = f"{PIPELINES}/status", f"{PIPELINES}/{pipeline.id}/executions"
        assert body(await client.get(status))["items"] == []
        assert_problem(await client.post(start, json={}), 404, "pipeline_not_found")
        for _ in range(2):
            body(await maintainer.put(path))
        assert len(body(await client.get(status))["items"]) == 1
        body(await client.post(start, json={}), 202)
        body(await maintainer.delete(path), 204)
        assert body(await client.get(status))["items"] == []
        assert_problem(await client.post(start, json={}), 404, "pipeline_not_found")
        assert_problem(await maintainer.delete(path), 404, "launcher_not_found")

    async def test_it_opens_nothing_else(
        self, make: Factory, sign_in: SignIn, project: Project, pipeline: Pipeline, alice: User
    ) -> None:
        other = await make.pipeline(project)
        await make.launcher(pipeline, user=alice)
        client = await sign_in(alice)
        listed = body(await client.get(PIPELINES))["items"]
        assert [each["id"] for each in listed] == [str(pipeline.id)]
        page = f"{PIPELINES}/{pipeline.id}"
        body(await client.get(page))
        execution = body(await client.post(f"{page}/executions", json={}), 202)
        seen = body(await client.get(f"/api/v1/executions/{execution['id']}"))
        for method, path in (
            ("GET", f"{page}/versions"),
            ("PATCH", page),
            ("DELETE", page),
            ("GET", launchers(pipeline)),
            ("PUT", launchers(pipeline, "/users/alice")),
        ):
            answer = await client.request(method, path, json={})
            assert_problem(answer, 403, "role_too_low")
        for method, path in (
            ("GET", "/api/v1/projects/demo"),
            ("GET", "/api/v1/projects/demo/members"),
            ("GET", f"{PIPELINES}/{other.id}"),
            ("POST", f"{PIPELINES}/{other.id}/executions"),
            ("POST", f"/api/v1/executions/{execution['id']}/cancel"),
            ("GET", f"/api/v1/executions/{execution['id']}/artifacts"),
            ("GET", f"/api/v1/jobs/{seen['jobs'][0]['id']}/logs"),
        ):
            answer = await client.request(method, path, json={})
            assert answer.status_code == 404, path
        assert body(await client.get("/api/v1/projects"))["items"] == []

    async def test_it_watches_the_pipeline_but_not_the_project(
        self,
        make: Factory,
        application: FastAPI,
        project: Project,
        pipeline: Pipeline,
        alice: User,
    ) -> None:
        await make.launcher(pipeline, user=alice)
        runtime = application.state.runtime
        principal = await runtime.authenticator.by_token(await make.token(alice))
        access = runtime.realtime.access
        assert await access.may_watch(principal, TopicName(TopicKind.PIPELINE, pipeline.id))
        assert not await access.may_watch(principal, TopicName(TopicKind.PROJECT, project.id))

    async def test_a_visitor_of_an_open_project_starts_it_too(
        self, make: Factory, sign_in: SignIn, alice: User
    ) -> None:
        opened = await make.project(visibility=Visibility.INTERNAL)
        one, other = await make.pipeline(opened), await make.pipeline(opened)
        await make.launcher(one, user=alice)
        client = await sign_in(alice)
        body(await client.post(f"{PIPELINES}/{one.id}/executions", json={}), 202)
        answer = await client.post(f"{PIPELINES}/{other.id}/executions", json={})
        assert_problem(answer, 403, "role_too_low")


class TestGive:
    async def test_they_are_listed(
        self,
        make: Factory,
        pipeline: Pipeline,
        maintainer: httpx.AsyncClient,
        alice: User,
        queries: Queries,
    ) -> None:
        await make.team("ops")
        body(await maintainer.put(launchers(pipeline, "/users/ALICE")))
        body(await maintainer.put(launchers(pipeline, "/teams/ops")))
        with queries(max=3):
            page = body(await maintainer.get(launchers(pipeline), params={"limit": 1}))
        assert [(each["kind"], each["name"]) for each in page["items"]] == [("user", "alice")]
        query = {"limit": 1, "after": page["next"]}
        page = body(await maintainer.get(launchers(pipeline), params=query))
        assert [(each["kind"], each["name"]) for each in page["items"]] == [("team", "ops")]
        assert page["next"] is None

    async def test_unknown_ones_are_not_found(
        self, pipeline: Pipeline, maintainer: httpx.AsyncClient
    ) -> None:
        answer = await maintainer.put(launchers(pipeline, "/users/nobody"))
        assert_problem(answer, 404, "user_not_found")
        answer = await maintainer.put(launchers(pipeline, "/teams/none"))
        assert_problem(answer, 404, "team_not_found")

    async def test_developers_do_not_give_it(
        self, make: Factory, sign_in: SignIn, project: Project, pipeline: Pipeline, alice: User
    ) -> None:
        await make.member(project, alice, Role.DEVELOPER)
        client = await sign_in(alice)
        answer = await client.put(launchers(pipeline, "/users/alice"))
        assert_problem(answer, 403, "role_too_low")
