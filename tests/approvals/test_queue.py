"""Who waits for what: the queue, and `why` in the details of jobs."""

import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from app.administration.models import Worker
from app.core.clock import db_now, new_id
from app.core.db import Database
from app.engine.states import JobStatus
from app.projects.models import Visibility
from tests.approvals.conftest import Scene
from tests.fixtures.answers import body
from tests.fixtures.application import Queries

MIXED = """
on: workflow_dispatch
jobs:
  plain: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
  gpu: {runs-on: [gpu], steps: [{run: "true"}]}
  deploy: {runs-on: ubuntu-latest, environment: production, steps: [{run: "true"}]}
  after: {runs-on: ubuntu-latest, needs: plain, steps: [{run: "true"}]}
  two:
    runs-on: ubuntu-latest
    strategy: {max-parallel: 1, matrix: {part: [a, b]}}
    steps: [{run: "true"}]
"""
GROUPED = """
on: workflow_dispatch
jobs:
  one: {runs-on: ubuntu-latest, concurrency: lane, steps: [{run: "true"}]}
"""
WHOLE = """
on: workflow_dispatch
concurrency: all
jobs:
  one: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
"""
RETRIED = """
on: workflow_dispatch
jobs:
  one:
    runs-on: ubuntu-latest
    retry: {max-attempts: 2, delay-seconds: 600}
    steps: [{run: "true"}]
"""


async def add_worker(database: Database, *labels: str, **values: object) -> None:
    """A worker that is online."""
    row = {
        "id": new_id(),
        "name": "worker",
        "host": "host",
        "pid": 1,
        "version": "1",
        "queues": ["high_priority"],
        "labels": list(labels),
        "concurrency": 4,
        "isolation": "own account per job",
        "started_at": db_now(),
        "seen_at": db_now(),
        **values,
    }
    async with database.session() as session:
        await session.execute(insert(Worker).values(row))


async def listed(scene: Scene, name: str = "eve", **parameters: Any) -> list[dict[str, Any]]:
    """The queue as somebody sees it."""
    client = await scene.client(name)
    found: list[dict[str, Any]] = body(await client.get("/api/v1/queue", params=parameters))[
        "items"
    ]
    return found


async def whys(scene: Scene, execution_id: uuid.UUID) -> dict[str, str | None]:
    """`why` of each job in the details of the execution."""
    client = await scene.client("eve")
    detail = body(await client.get(f"/api/v1/executions/{execution_id}"))
    found = {job["key"]: job["why"] for job in detail["jobs"]}
    for job in detail["jobs"]:
        alone = body(await client.get(f"/api/v1/jobs/{job['id']}"))
        assert alone["why"] == job["why"]
    return found


class TestQueue:
    async def test_it_says_what_each_job_waits_for(self, scene: Scene) -> None:
        await scene.protect(required_approvals=2)
        await add_worker(scene.database)
        await add_worker(scene.database, "gpu", draining=True)
        execution_id = await scene.start(MIXED)
        (asked,) = await scene.approvals(execution_id)
        await scene.vote("bob", asked["id"])
        entries = {entry["job_key"]: entry for entry in await listed(scene)}
        assert set(entries) == {"plain", "gpu", "deploy", "two[0]", "two[1]"}
        plain, gpu, deploy = entries["plain"], entries["gpu"], entries["deploy"]
        assert (plain["kind"], plain["has_worker"], plain["position"]) == ("worker", True, 1)
        assert plain["queue"] == "high_priority"
        assert (gpu["kind"], gpu["has_worker"], gpu["labels"]) == ("worker", False, ["gpu"])
        assert gpu["why"].startswith("no worker with the labels gpu is online: ")
        assert deploy["kind"] == "environment"
        approval = deploy["approval"]
        assert (approval["id"], approval["required"], approval["approvals"]) == (asked["id"], 2, 1)
        assert entries["two[1]"]["kind"] == "place"
        assert entries["two[0]"]["position"] == 2
        assert entries["two[0]"]["why"] == "waits for a free worker; before it in the queue: 1"
        assert all(entry["since"] for entry in entries.values())

    async def test_the_position_and_the_holder_of_a_group(self, scene: Scene) -> None:
        pipeline = await scene.make.pipeline(scene.project, source=GROUPED)
        first, *others = [await scene.driver.start(pipeline.id) for _ in range(3)]
        await scene.driver.deliver()
        assert await scene.driver.claim(first, "one") is not None
        entries = await listed(scene)
        assert [entry["execution_id"] for entry in entries] == [str(other) for other in others]
        assert [(entry["kind"], entry["position"]) for entry in entries] == [
            ("group", 1),
            ("group", 2),
        ]
        holder = entries[1]["holder"]
        assert (holder["execution_id"], holder["number"]) == (str(first), 1)
        assert entries[1]["why"] == (
            "waits for the concurrency group `lane`, which the job `one` of execution #1 holds; "
            "before it wait 1"
        )

    async def test_an_execution_that_waits_as_a_whole(self, scene: Scene) -> None:
        pipeline = await scene.make.pipeline(scene.project, source=WHOLE)
        first, second = [await scene.driver.start(pipeline.id) for _ in range(2)]
        running, waiting = await listed(scene)
        assert (running["execution_id"], running["job_key"]) == (str(first), "one")
        assert (waiting["id"], waiting["job_id"]) == (str(second), None)
        assert (waiting["kind"], waiting["position"]) == ("group", 1)
        assert waiting["holder"]["number"] == 1

    async def test_a_delay_is_told(self, scene: Scene) -> None:
        await add_worker(scene.database)
        execution_id = await scene.start(RETRIED)
        await scene.driver.run(execution_id, "one", JobStatus.FAILURE)
        (entry,) = await listed(scene)
        assert entry["kind"] == "time"
        assert "try 2 of 2 after failure" in entry["why"]

    async def test_it_shows_what_one_may_see(self, scene: Scene, client: httpx.AsyncClient) -> None:
        await scene.start(MIXED)
        scene.people["gus"] = await scene.make.user("gus")
        assert await listed(scene, "gus") == []
        assert body(await client.get("/api/v1/queue"))["items"] == []
        private, scene.project = (
            scene.project,
            await scene.make.project(visibility=Visibility.PUBLIC),
        )
        await scene.start(GROUPED)
        assert [entry["job_key"] for entry in await listed(scene, "gus")] == ["one"]
        assert len(body(await client.get("/api/v1/queue"))["items"]) == 1
        mine = await listed(scene, "eve", project_id=str(private.id))
        assert {entry["project_id"] for entry in mine} == {str(private.id)}

    async def test_pages_of_constant_cost(self, scene: Scene, queries: Queries) -> None:
        await scene.protect()
        client, counts, keys = await scene.client("eve"), [], []
        for _ in range(2):
            await scene.start(MIXED)
            with queries(max=12) as seen:
                page = body(await client.get("/api/v1/queue"))
            counts.append(len(seen))
            keys = [entry["id"] for entry in page["items"]]
        assert counts[0] == counts[1]
        found: list[str] = []
        after = None
        while True:
            parameters = {"limit": 3} | ({"after": after} if after else {})
            page = body(await client.get("/api/v1/queue", params=parameters))
            found += [entry["id"] for entry in page["items"]]
            if (after := page["next"]) is None:
                break
        assert found == keys
        assert len(found) == 10


class TestWhy:
    async def test_details_say_why_at_constant_cost(self, scene: Scene, queries: Queries) -> None:
        await scene.protect()
        execution_id = await scene.start(MIXED)
        found = await whys(scene, execution_id)
        assert found["plain"] == "no worker is online"
        assert "no worker with the labels gpu is online: " in (found["gpu"] or "")
        assert (found["deploy"] or "").startswith("waits for approval of the environment")
        assert (found["two[1]"] or "").startswith("waits for a place")
        assert found["after"] is None
        client = await scene.client("eve")
        with queries(max=9):
            body(await client.get(f"/api/v1/executions/{execution_id}"))
        await scene.driver.run(execution_id, "plain")
        assert (await whys(scene, execution_id))["plain"] is None

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_groups_say_who_holds_them(self, scene: Scene) -> None:
        pipeline = await scene.make.pipeline(scene.project, source=GROUPED)
        first, second = [await scene.driver.start(pipeline.id) for _ in range(2)]
        await scene.driver.deliver()
        why = (await whys(scene, second))["one"]
        assert why == (
            "waits for the concurrency group `lane`, which the job `one` of execution #1 holds"
        )
        await scene.driver.run(first, "one")
        await scene.driver.deliver()
        assert (await whys(scene, second))["one"] == "no worker is online"
