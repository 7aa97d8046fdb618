"""Executions over HTTP: who may, what is answered, how many statements it takes."""

import asyncio
import uuid
from dataclasses import dataclass

import httpx
import pytest

from app.models import Pipeline, User
from app.projects.models import Role, Visibility
from tests.executions.driver import Driver
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

SOURCE = """
on:
  workflow_dispatch:
    inputs:
      count: {type: number, default: 1}
      mode: {type: choice, options: [fast, slow], default: fast}
jobs:
  one: {runs-on: ubuntu-latest, steps: [{run: "true"}, {run: "true"}]}
  two: {needs: one, runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""


@dataclass
class Scene:
    """A pipeline of a private project, its developer and a stranger."""

    pipeline: Pipeline
    developer: httpx.AsyncClient
    stranger: httpx.AsyncClient
    user: User

    @property
    def path(self) -> str:
        """Where it is started."""
        return f"/api/v1/pipelines/{self.pipeline.id}/executions"

    async def start(self) -> str:
        """A new execution; its path."""
        answer = await self.developer.post(self.path, json={})
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]


@pytest.fixture
async def scene(make: Factory, sign_in: SignIn) -> Scene:
    developer, stranger = await make.user(), await make.user()
    project = await make.project(members={Role.DEVELOPER: developer})
    pipeline = await make.pipeline(project, source=SOURCE)
    return Scene(pipeline, await sign_in(developer), await sign_in(stranger), developer)


class TestStart:
    async def test_a_developer_starts_it(self, scene: Scene) -> None:
        answer = await scene.developer.post(
            scene.path, json={"inputs": {"count": 3}, "ref": "refs/heads/main"}
        )
        assert answer.status_code == 202
        body = answer.json()
        assert answer.headers["Location"] == f"/api/v1/executions/{body['id']}"
        detail = (await scene.developer.get(answer.headers["Location"])).json()
        assert detail["inputs"] == {"count": 3, "mode": "fast"}
        assert detail["ref"] == "refs/heads/main"
        assert detail["actor"] == scene.user.name
        assert [job["status"] for job in detail["jobs"]] == ["queued", "blocked"]

    async def test_anonymous_is_401(self, scene: Scene, client: httpx.AsyncClient) -> None:
        answer = await client.post(scene.path, json={})
        assert answer.status_code in {401, 404}
        assert "WWW-Authenticate" in answer.headers or answer.status_code == 404

    async def test_a_stranger_is_404(self, scene: Scene) -> None:
        assert (await scene.stranger.post(scene.path, json={})).status_code == 404

    async def test_a_reader_of_a_public_project_is_403(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        pipeline = await make.pipeline(await make.project(visibility=Visibility.PUBLIC))
        reader = await sign_in(await make.user())
        answer = await reader.post(f"/api/v1/pipelines/{pipeline.id}/executions", json={})
        assert answer.status_code == 403

    async def test_an_unknown_pipeline_is_404(self, scene: Scene) -> None:
        answer = await scene.developer.post(f"/api/v1/pipelines/{uuid.UUID(int=1)}/executions")
        assert answer.status_code in {404, 422}

    @pytest.mark.parametrize(
        ("inputs", "named"),
        [
            ({"count": "many"}, "count"),
            ({"mode": "medium"}, "mode"),
            ({"modes": "fast"}, "modes"),
        ],
    )
    async def test_wrong_inputs_are_422_and_named(
        self, scene: Scene, inputs: dict[str, object], named: str
    ) -> None:
        answer = await scene.developer.post(scene.path, json={"inputs": inputs})
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert named in answer.text

    async def test_an_unknown_field_is_422(self, scene: Scene) -> None:
        answer = await scene.developer.post(scene.path, json={"input": {}})
        assert answer.status_code == 422

    async def test_an_unknown_version_is_404(self, scene: Scene) -> None:
        answer = await scene.developer.post(scene.path, json={"version": 9})
        assert answer.status_code == 404


class TestIdempotency:
    async def test_the_same_request_is_answered_the_same_execution(self, scene: Scene) -> None:
        headers = {"Idempotency-Key": "deploy-7"}
        answers = [
            await scene.developer.post(scene.path, json={}, headers=headers) for _ in range(3)
        ]
        assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}

    async def test_twins_at_once_start_one(self, scene: Scene) -> None:
        headers = {"Idempotency-Key": "deploy-8"}
        answers = await asyncio.gather(
            *[scene.developer.post(scene.path, json={}, headers=headers) for _ in range(5)]
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1

    async def test_another_request_with_the_same_key_conflicts(self, scene: Scene) -> None:
        headers = {"Idempotency-Key": "deploy-9"}
        await scene.developer.post(scene.path, json={}, headers=headers)
        answer = await scene.developer.post(
            scene.path, json={"inputs": {"count": 2}}, headers=headers
        )
        assert answer.status_code == 409
        assert answer.json()["code"] == "idempotency_key_reused"


class TestCancel:
    async def test_a_queued_execution_is_cancelled(self, scene: Scene) -> None:
        path = await scene.start()
        assert (await scene.developer.post(f"{path}/cancel")).status_code == 202
        assert (await scene.developer.get(path)).json()["status"] == "cancelled"
        again = await scene.developer.post(f"{path}/cancel")
        assert again.status_code == 409
        assert again.json()["code"] == "execution_finished"

    async def test_a_stranger_is_404(self, scene: Scene) -> None:
        path = await scene.start()
        assert (await scene.stranger.post(f"{path}/cancel")).status_code == 404


class TestRerun:
    async def test_an_unfinished_one_conflicts(self, scene: Scene) -> None:
        path = await scene.start()
        answer = await scene.developer.post(f"{path}/rerun", json={})
        assert answer.status_code == 409
        assert answer.json()["code"] == "execution_unfinished"

    async def test_a_cancelled_one_runs_again(self, scene: Scene) -> None:
        path = await scene.start()
        await scene.developer.post(f"{path}/cancel")
        answer = await scene.developer.post(f"{path}/rerun", json={"jobs": "all"})
        assert answer.status_code == 202
        assert answer.json()["attempt"] == 2
        detail = (await scene.developer.get(path)).json()
        assert [job["status"] for job in detail["jobs"]] == ["queued", "blocked"]
        assert [one["status"] for one in detail["jobs"][0]["attempts"]] == ["cancelled"]

    async def test_an_unknown_job_is_404(self, scene: Scene) -> None:
        path = await scene.start()
        await scene.developer.post(f"{path}/cancel")
        answer = await scene.developer.post(f"{path}/rerun", json={"key": "three"})
        assert answer.status_code == 404


class TestReading:
    async def test_lists_are_paged_newest_first_with_one_statement(
        self, scene: Scene, queries: Queries
    ) -> None:
        started = [(await scene.start()).rpartition("/")[2] for _ in range(5)]
        seen: list[str] = []
        after = None
        while True:
            params = {"limit": 2} | ({"after": after} if after else {})
            with queries(max=2):  # the token, the list
                page = (await scene.developer.get("/api/v1/executions", params=params)).json()
            seen += [item["id"] for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert seen == started[::-1]

    async def test_lists_are_filtered(self, scene: Scene) -> None:
        path = await scene.start()
        await scene.start()
        await scene.developer.post(f"{path}/cancel")
        found = await scene.developer.get("/api/v1/executions", params={"status": "cancelled"})
        assert [item["id"] for item in found.json()["items"]] == [path.rpartition("/")[2]]

    async def test_a_stranger_sees_nothing(self, scene: Scene) -> None:
        path = await scene.start()
        assert (await scene.stranger.get("/api/v1/executions")).json()["items"] == []
        for place in (path, f"{path}/events"):
            assert (await scene.stranger.get(place)).status_code == 404

    async def test_a_detail_takes_a_constant_number_of_statements(
        self, scene: Scene, driver: Driver, queries: Queries
    ) -> None:
        path = await scene.start()
        await driver.run(uuid.UUID(path.rpartition("/")[2]), "one")
        with queries(max=7):
            answer = await scene.developer.get(path)
        jobs = {job["key"]: job for job in answer.json()["jobs"]}
        assert len(jobs["one"]["steps"]) == 2
        job = await scene.developer.get(f"/api/v1/jobs/{jobs['one']['id']}")
        assert job.json() == jobs["one"]

    async def test_events_continue_after_a_number(self, scene: Scene) -> None:
        path = await scene.start()
        whole = (await scene.developer.get(f"{path}/events")).json()
        rest = (await scene.developer.get(f"{path}/events", params={"after": 1})).json()
        assert rest == whole[1:]
        assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
