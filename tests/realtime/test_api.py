"""The realtime API, and what its cache promises."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.auth.models import User
from app.core.clock import new_id
from app.core.db import Database
from app.core.redis import Namespace
from app.engine.states import ExecutionStatus
from app.events import ExecutionChanged
from app.executions.history import record
from app.executions.models import Execution
from app.main import create_app
from app.projects.models import Project, Role
from app.settings import Settings
from tests.fixtures.application import Queries, Started
from tests.fixtures.factories import Factory, SignIn
from tests.realtime.rows import tell

STATUS = "/api/v1/pipelines/status"


@pytest.fixture
async def alice(make: Factory) -> User:
    return await make.user()


@pytest.fixture
async def project(make: Factory, alice: User) -> Project:
    return await make.project(members={Role.MAINTAINER: alice})


async def end(app: FastAPI, execution: Execution, status: ExecutionStatus) -> None:
    """End an execution, as the engine does."""
    async with app.state.runtime.database.session() as session:
        row = await session.get_one(Execution, execution.id)
        row.status, row.finished_at = status, row.created_at + timedelta(seconds=90)
        event = ExecutionChanged(
            seq=row.seq + 1,
            execution_id=row.id,
            pipeline_id=row.pipeline_id,
            project_id=row.project_id,
            number=row.number,
            status=status,
        )
        await record(session, row, [event], causes=["test"])
        row.seq += 1


class TestStatuses:
    async def test_the_figures(
        self, application: FastAPI, make: Factory, sign_in: SignIn, alice: User, project: Project
    ) -> None:
        pipeline = await make.pipeline(project)
        await make.pipeline(project)
        database: Database = application.state.runtime.database
        outcomes = [
            ExecutionStatus.SUCCESS,
            ExecutionStatus.FAILURE,
            ExecutionStatus.CANCELLED,
            ExecutionStatus.SUCCESS,
        ]
        for number, outcome in enumerate(outcomes, 1):
            tale = await tell(database, pipeline, number=number)
            await end(application, tale.execution, outcome)
        await tell(database, pipeline, number=5)
        client = await sign_in(alice)
        found = (await client.get(STATUS)).json()["items"]
        assert [item["id"] for item in found][1] == str(pipeline.id)
        status = found[1]
        assert status["status"] == "running"
        assert status["last_execution"]["number"] == 5
        assert (status["active"], status["finished"]) == (1, 4)
        assert status["success_rate"] == pytest.approx(2 / 3)
        assert status["average_duration_s"] == pytest.approx(90, abs=0.01)
        assert found[0]["status"] is None
        assert found[0]["success_rate"] is None
        one = (await client.get(f"/api/v1/pipelines/{pipeline.id}/status")).json()
        assert one == status
        running = (await client.get(STATUS, params={"status": "running"})).json()["items"]
        assert [item["id"] for item in running] == [str(pipeline.id)]
        assert (await client.get(STATUS, params={"project_id": str(new_id())})).json()[
            "items"
        ] == []

    async def test_pages_and_statements(
        self,
        make: Factory,
        sign_in: SignIn,
        alice: User,
        project: Project,
        queries: Queries,
    ) -> None:
        made = [str((await make.pipeline(project)).id) for _ in range(5)]
        client = await sign_in(alice)
        with queries(max=4):  # the token, the page, the newest, the figures
            first = (await client.get(STATUS, params={"limit": 3})).json()
        second = (await client.get(STATUS, params={"limit": 3, "after": first["next"]})).json()
        seen = [item["id"] for item in first["items"] + second["items"]]
        assert seen == made[::-1]
        assert second["next"] is None

    async def test_nobody_sees_what_is_cached_for_another(
        self,
        make: Factory,
        sign_in: SignIn,
        alice: User,
        project: Project,
        client: httpx.AsyncClient,
    ) -> None:
        pipeline = await make.pipeline(project)
        mine = await sign_in(alice)
        stranger = await sign_in(await make.user())
        for _ in range(2):
            assert len((await mine.get(STATUS)).json()["items"]) == 1
            assert (await stranger.get(STATUS)).json()["items"] == []
            assert (await client.get(STATUS)).json()["items"] == []
            path = f"/api/v1/pipelines/{pipeline.id}/status"
            assert (await mine.get(path)).status_code == 200
            assert (await stranger.get(path)).status_code == 404
            assert (await client.get(path)).status_code == 404


class TestWarmHits:
    async def test_a_warm_hit_needs_no_statement_and_no_redis(
        self,
        application: FastAPI,
        make: Factory,
        sign_in: SignIn,
        alice: User,
        project: Project,
        queries: Queries,
    ) -> None:
        await make.pipeline(project)
        client = await sign_in(alice)
        runtime = application.state.runtime
        for _ in range(20):  # a warm answer lives for less than a second, and the machine is busy
            first = await client.get(STATUS)
            calls = runtime.redis[Namespace.PIPELINE].counters.calls
            served = runtime.hits.served
            with queries() as statements:
                again = await client.get(STATUS, headers={"X-Request-ID": "from-proxy.1"})
            if runtime.hits.served > served:
                break
        assert statements == []
        assert again.content == first.content
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["x-content-type-options"] == "nosniff"
        assert again.headers["x-request-id"] == "from-proxy.1"
        assert runtime.redis[Namespace.PIPELINE].counters.calls == calls
        assert runtime.hits.served == served + 1
        unchanged = await client.get(STATUS, headers={"If-None-Match": first.headers["etag"]})
        assert unchanged.status_code == 304
        assert unchanged.content == b""
        assert unchanged.headers["x-request-id"] not in ("from-proxy.1", "")

    async def test_a_write_is_seen_by_its_process_at_once(
        self, make: Factory, sign_in: SignIn, alice: User, project: Project
    ) -> None:
        client = await sign_in(alice)
        source = "steps:\n  - run: echo hello\n"
        for count in range(5):
            await client.get(STATUS)
            assert len((await client.get(STATUS)).json()["items"]) == count
            created = await client.post(
                f"/api/v1/projects/{project.slug}/pipelines",
                json={"slug": f"p{count}", "source": source},
            )
            assert created.status_code == 201, created.text
            assert len((await client.get(STATUS)).json()["items"]) == count + 1

    async def test_the_end_of_an_execution_is_seen_at_once(
        self, application: FastAPI, make: Factory, sign_in: SignIn, alice: User, project: Project
    ) -> None:
        pipeline = await make.pipeline(project)
        client = await sign_in(alice)
        for number in range(1, 6):
            tale = await tell(application.state.runtime.database, pipeline, number=number)
            await end(application, tale.execution, ExecutionStatus.RUNNING)
            path = f"/api/v1/pipelines/{pipeline.id}/status"
            assert (await client.get(path)).json()["status"] == "running"
            await end(application, tale.execution, ExecutionStatus.SUCCESS)
            assert (await client.get(path)).json()["status"] == "success"
            assert (await client.get(STATUS)).json()["items"][0]["status"] == "success"

    async def test_a_revoked_membership_ends_the_sight(
        self, make: Factory, sign_in: SignIn, alice: User, project: Project
    ) -> None:
        await make.pipeline(project)
        bob = await make.user()
        await make.member(project, bob, Role.GUEST)
        hers, his = await sign_in(alice), await sign_in(bob)
        assert len((await his.get(STATUS)).json()["items"]) == 1
        removed = await hers.delete(f"/api/v1/projects/{project.slug}/members/{bob.name}")
        assert removed.is_success, removed.text
        assert (await his.get(STATUS)).json()["items"] == []

    async def test_two_hundred_at_once_compute_once(
        self, application: FastAPI, make: Factory, sign_in: SignIn, alice: User, project: Project
    ) -> None:
        await make.pipeline(project)
        client = await sign_in(alice)
        cache = application.state.runtime.cache
        computed: list[int] = []
        for limit in (20, 21, 22):
            before, asked = cache.computed, {"limit": limit}
            answers = await asyncio.gather(*(client.get(STATUS, params=asked) for _ in range(200)))
            assert {answer.status_code for answer in answers} == {200}
            computed.append(cache.computed - before)
            if computed[-1] == 1:
                break
            # What was written before is still being told to the cache: an answer is old at once.
        assert computed[-1] == 1, computed


@pytest.fixture
async def neighbour(
    settings: Settings, application: FastAPI
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Another process of the same installation; only where processes share a Redis."""
    if settings.redis.url is None:
        pytest.skip("the embedded mode is one process")
    app = create_app(settings)
    async with Started(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://other.test") as client:
            yield app, client


async def test_another_process_sees_a_write_within_a_second(
    application: FastAPI,
    neighbour: tuple[FastAPI, httpx.AsyncClient],
    make: Factory,
    sign_in: SignIn,
    alice: User,
    project: Project,
) -> None:
    app, other = neighbour
    pipeline = await make.pipeline(project)
    tale = await tell(application.state.runtime.database, pipeline)
    headers = {"Authorization": (await sign_in(alice)).headers["authorization"]}
    for _ in range(20):  # until it has the answer in its own memory
        assert await _newest(other, headers) == "running"
        if app.state.runtime.hits.served:
            break
    assert app.state.runtime.hits.served
    await end(application, tale.execution, ExecutionStatus.FAILURE)
    async with asyncio.timeout(10):
        while (await _newest(other, headers)) != "failure":  # noqa: ASYNC110  it is polled
            await asyncio.sleep(0.02)


class TestAdministration:
    async def test_only_administrators(self, sign_in: SignIn, alice: User) -> None:
        client = await sign_in(alice)
        for path in ("system/metrics", "cache/stats", "settings/api-endpoints/"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 403
        assert (await client.post("/api/v1/cache/invalidate", json={})).status_code == 403

    async def test_metrics_are_measured(
        self, application: FastAPI, make: Factory, sign_in: SignIn, project: Project
    ) -> None:
        await tell(application.state.runtime.database, await make.pipeline(project))
        client = await sign_in(await make.user(administrator=True))
        found = (await client.get("/api/v1/system/metrics")).json()
        assert found["executions"] == {"running": 1}
        assert found["jobs"] == {"running": 1}
        assert {one["namespace"] for one in found["cache"]} == {
            "default",
            "channels",
            "session",
            "api",
            "pipeline",
            "results",
        }
        assert found["connections"]["open"] == 0

    async def test_routes_are_counted(self, make: Factory, sign_in: SignIn) -> None:
        client = await sign_in(await make.user(administrator=True))
        before = await _route(client, STATUS)
        for _ in range(3):
            await client.get(STATUS)
        after = await _route(client, STATUS)
        assert after["calls"] == before["calls"] + 3
        assert after["mean_ms"] > 0
        assert after["p95_ms"] > 0
        assert after["cache_ratio"] > 0

    async def test_entries_are_forgotten_by_tag_and_by_namespace(
        self, application: FastAPI, make: Factory, sign_in: SignIn
    ) -> None:
        client = await sign_in(await make.user(administrator=True))
        cache = application.state.runtime.cache
        for body in ({"tags": ["pipelines"]}, {"namespace": "pipeline"}):
            await client.get(STATUS)
            computed = cache.computed
            answer = await client.post("/api/v1/cache/invalidate", json=body)
            assert answer.status_code == 200, answer.text
            await client.get(STATUS)
            assert cache.computed == computed + 1
        refused = await client.post("/api/v1/cache/invalidate", json={"namespace": "session"})
        assert refused.status_code == 422


async def _route(client: httpx.AsyncClient, path: str) -> dict[str, float]:
    routes = (await client.get("/api/v1/settings/api-endpoints/")).json()["items"]
    (found,) = [one for one in routes if one["path"] == path and one["method"] == "GET"]
    route: dict[str, float] = found
    return route


async def _newest(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    status: str = (await client.get(STATUS, headers=headers)).json()["items"][0]["status"]
    return status
