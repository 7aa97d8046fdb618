"""Running again with other inputs: over HTTP, and with the groups that inputs choose."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.engine.states import ExecutionStatus, JobStatus
from app.executions.service.rerun import rerun_execution
from app.models import User
from app.projects.models import Role
from tests.executions.conftest import Launch
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory, SignIn

SOURCE = """
run-name: To ${{ inputs.where }}
on:
  push:
  workflow_dispatch:
    inputs:
      where: {type: choice, options: [here, there], required: true, default: here}
      many: {type: string, default: "[1, 2]"}
      dry-run: {type: boolean}
jobs:
  test:
    strategy: {matrix: {n: "${{ fromJSON(inputs.many) }}"}}
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
  ship:
    needs: test
    name: ship to ${{ inputs.where }}
    runs-on: "on-${{ inputs.where }}"
    steps: [{run: "true"}]
"""
GROUPED = """
on: {workflow_dispatch: {inputs: {where: {type: string, default: here}}}}
concurrency: deploy-${{ inputs.where }}
jobs:
  one: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""


@dataclass
class Scene:
    """An execution whose jobs have all ended, and somebody who may run it again."""

    driver: Driver
    client: httpx.AsyncClient
    user: User
    id: uuid.UUID

    @property
    def path(self) -> str:
        return f"/api/v1/executions/{self.id}"

    async def rerun(self, status: int = 202, **body: Any) -> Any:
        answer = await self.client.post(f"{self.path}/rerun", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def detail(self) -> Any:
        return (await self.client.get(self.path)).json()


@pytest.fixture
async def scene(make: Factory, sign_in: SignIn, driver: Driver) -> Scene:
    user = await make.user()
    project = await make.project(members={Role.DEVELOPER: user})
    pipeline = await make.pipeline(project, source=SOURCE)
    execution_id = await driver.start(pipeline.id, inputs={"dry-run": True}, actor="ada")
    for key in ("test[0]", "test[1]"):
        await driver.run(execution_id, key)
    await driver.run(execution_id, "ship", JobStatus.FAILURE)
    return Scene(driver, await sign_in(user), user, execution_id)


class TestOverHttp:
    async def test_the_file_is_planned_with_them(self, scene: Scene) -> None:
        answer = await scene.rerun(jobs="all", inputs={"where": "there", "many": "[7]"})
        assert answer["attempt"] == 2
        detail = await scene.detail()
        assert detail["inputs"] == {"where": "there", "many": "[7]", "dry-run": True}
        assert detail["title"] == "To there"
        jobs = {job["key"]: job for job in detail["jobs"]}
        assert jobs["test[0]"]["matrix"] == {"n": 7}
        assert jobs["test[1]"]["status"] == "skipped"
        assert "inputs of this attempt" in jobs["test[1]"]["reason"]
        assert (jobs["ship"]["name"], jobs["ship"]["labels"]) == ("ship to there", ["on-there"])
        claimed = await scene.driver.claim(scene.id, "test[0]")
        assert claimed is not None
        assert claimed.contexts["inputs"]["where"] == "there"
        assert claimed.contexts["github"]["event"]["inputs"]["many"] == "[7]"
        assert claimed.contexts["github"]["triggering_actor"] == scene.user.name
        assert claimed.contexts["github"]["actor"] == "ada"
        assert await scene.driver.finish(claimed)
        await scene.driver.run(scene.id, "ship")
        assert (await scene.detail())["status"] == "success"

    async def test_the_attempts_tell_their_inputs(self, scene: Scene) -> None:
        await scene.rerun(jobs="all", inputs={"where": "there", "many": "[7]"})
        for key in ("test[0]", "ship"):
            await scene.driver.run(scene.id, key)
        await scene.rerun(jobs="all", inputs={"dry-run": None})
        first, second = (await scene.detail())["attempts"]
        assert first | {"finished_at": None} == {
            "attempt": 1,
            "status": "failure",
            "reason": "job `ship` failed",
            "title": "To here",
            "inputs": {"where": "here", "many": "[1, 2]", "dry-run": True},
            "actor": "ada",
            "finished_at": None,
        }
        assert second["inputs"] == {"where": "there", "many": "[7]", "dry-run": True}
        assert (second["status"], second["actor"]) == ("success", scene.user.name)
        assert (await scene.detail())["inputs"] == {
            "where": "there",
            "many": "[7]",
            "dry-run": False,
        }

    async def test_without_inputs_they_stay(self, scene: Scene) -> None:
        await scene.rerun(jobs="failed")
        detail = await scene.detail()
        assert detail["inputs"] == detail["attempts"][0]["inputs"]
        assert [job["status"] for job in detail["jobs"]] == ["success", "success", "queued"]

    @pytest.mark.parametrize("body", [{"jobs": "failed"}, {}, {"jobs": "all", "key": "ship"}])
    async def test_not_for_a_part(self, scene: Scene, body: dict[str, str]) -> None:
        answer = await scene.rerun(422, inputs={"where": "there"}, **body)
        assert answer["code"] == "inputs_need_all_jobs"
        assert (await scene.detail())["attempt"] == 1

    @pytest.mark.parametrize(
        ("inputs", "named"),
        [
            ({"where": "nowhere"}, "where"),
            ({"wher": "here"}, "wher"),
            ({"dry-run": "x"}, "dry-run"),
        ],
    )
    async def test_they_are_checked(
        self, scene: Scene, inputs: dict[str, object], named: str
    ) -> None:
        answer = await scene.rerun(422, jobs="all", inputs=inputs)
        assert (answer["code"], answer["errors"][0]["input"]) == ("invalid_inputs", named)
        assert (await scene.detail())["attempt"] == 1

    async def test_a_push_has_none(self, scene: Scene) -> None:
        execution = await scene.driver.execution(scene.id)
        other = await scene.driver.start(execution.pipeline_id, event="push")
        pushed = Scene(scene.driver, scene.client, scene.user, other)
        answer = await pushed.rerun(422, jobs="all", inputs={"where": "there"})
        assert "`push`" in answer["detail"]


class TestGroups:
    async def test_it_waits_in_the_group_of_its_new_inputs(
        self, driver: Driver, launch: Launch
    ) -> None:
        first = await launch(GROUPED)
        await driver.run(first, "one")
        pipeline_id = (await driver.execution(first)).pipeline_id
        there = await driver.start(pipeline_id, inputs={"where": "there"})
        here = await driver.start(pipeline_id)
        await rerun_execution(
            driver.database, execution_id=first, inputs={"where": "there"}, max_worker_lost=2
        )
        # The message of the first end comes only now: who waited for that group still gets it.
        await driver.deliver()
        assert await driver.claim(first, "one") is None
        await driver.run(here, "one")
        await driver.run(there, "one")
        await driver.deliver()
        await driver.run(first, "one")
        execution = await driver.execution(first)
        assert execution.status == ExecutionStatus.SUCCESS
        assert execution.concurrency_group == "deploy-there"
