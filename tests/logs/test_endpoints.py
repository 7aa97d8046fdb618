"""Logs over HTTP: who may read them, what is served, how many statements it takes."""

import asyncio
import hashlib
import json
from dataclasses import dataclass

import httpx
import pytest

from app.core.db import Database
from app.logs.service.merge import merge_step
from app.models import Execution, Job
from app.projects.models import Role, Visibility
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.logs.conftest import LogFactory, LoggedStep


@dataclass
class Scene:
    """A job with two steps in a private project, and people."""

    execution: Execution
    job: Job
    first: LoggedStep
    second: LoggedStep
    reporter: httpx.AsyncClient
    stranger: httpx.AsyncClient

    @property
    def paths(self) -> list[str]:
        """All that shows lines of it."""
        bases = [
            f"/api/v1/steps/{self.first.id}/logs",
            f"/api/v1/jobs/{self.job.id}/logs",
            f"/api/v1/executions/{self.execution.id}/logs",
        ]
        return [*bases, *[f"{base}.txt" for base in bases]]


@pytest.fixture
async def scene(logged: LogFactory, make: Factory, sign_in: SignIn) -> Scene:
    reporter, stranger = await make.user(), await make.user()
    project = await make.project(members={Role.REPORTER: reporter})
    execution = await logged.execution(project)
    job = await logged.job(execution, "build")
    first, second = await logged.step(job, 0), await logged.step(job, 1)
    await first.write("one", "two", "three ", "is longer", continued=[2])
    await first.write("five")
    await first.end()
    await second.write("a", "b")
    return Scene(execution, job, first, second, await sign_in(reporter), await sign_in(stranger))


class TestVisibility:
    async def test_nobody_learns_of_logs_that_they_may_not_read(
        self, scene: Scene, client: httpx.AsyncClient
    ) -> None:
        for path in [*scene.paths, f"{scene.paths[0]}?follow=true"]:
            for caller in (client, scene.stranger):
                answer = await caller.get(path)
                assert answer.status_code == 404, path
                assert answer.json()["code"].endswith("_not_found")

    async def test_a_guest_sees_the_project_but_no_logs(
        self, scene: Scene, make: Factory, sign_in: SignIn, logged: LogFactory
    ) -> None:
        guest = await make.user()
        project = await make.project(members={Role.GUEST: guest})
        step = await logged.step(await logged.job(await logged.execution(project)))
        answer = await (await sign_in(guest)).get(f"/api/v1/steps/{step.id}/logs")
        assert answer.status_code == 404

    async def test_a_public_project_shows_its_logs_to_everybody(
        self, make: Factory, logged: LogFactory, client: httpx.AsyncClient
    ) -> None:
        project = await make.project(visibility=Visibility.PUBLIC)
        step = await logged.step(await logged.job(await logged.execution(project)))
        assert (await client.get(f"/api/v1/steps/{step.id}/logs")).status_code == 200


class TestPages:
    async def test_lines_have_numbers_and_times(self, scene: Scene) -> None:
        found = (await scene.reporter.get(scene.paths[0])).json()
        assert [(line["number"], line["text"], line["continued"]) for line in found["lines"]] == [
            (1, "one", False),
            (2, "two", False),
            (3, "three ", True),
            (4, "is longer", False),
            (5, "five", False),
        ]
        assert found["lines"][0]["at"] == "2030-03-17T17:46:40Z"
        assert found["next"] is None
        assert found["ended"] is True
        assert found["part"]["lines"] == 5
        assert found["part"]["complete"] is True

    async def test_a_window_begins_anywhere_and_says_where_to_go_on(self, scene: Scene) -> None:
        found = (
            await scene.reporter.get(scene.paths[0], params={"from_line": 2, "limit": 2})
        ).json()
        assert [line["number"] for line in found["lines"]] == [2, 3]
        assert found["next"] == f"{scene.first.id}:4"
        rest = (
            await scene.reporter.get(scene.paths[0], params={"from_line": found["next"]})
        ).json()
        assert [line["number"] for line in rest["lines"]] == [4, 5]

    @pytest.mark.parametrize("limit", [1, 3, 100])
    async def test_pages_of_a_job_give_every_line_once(self, scene: Scene, limit: int) -> None:
        seen, position = [], None
        while True:
            parameters = {"limit": limit, **({"from_line": position} if position else {})}
            found = (await scene.reporter.get(scene.paths[1], params=parameters)).json()
            seen += [(line["step"], line["number"]) for line in found["lines"]]
            position = found["next"]
            if position is None:
                break
        assert seen == [(0, number) for number in range(1, 6)] + [(1, 1), (1, 2)]
        assert found["ended"] is False

    async def test_a_line_of_a_job_is_named_by_step_and_line(self, scene: Scene) -> None:
        for path in scene.paths[1:3]:
            found = (await scene.reporter.get(path, params={"from_line": "1:2"})).json()
            assert [(line["step"], line["number"]) for line in found["lines"]] == [(1, 2)]

    async def test_after_the_last_line_there_is_nothing_yet(self, scene: Scene) -> None:
        found = (await scene.reporter.get(scene.paths[1], params={"from_line": "1:3"})).json()
        assert (found["lines"], found["next"], found["ended"]) == ([], None, False)

    async def test_an_earlier_attempt_keeps_its_log(
        self, scene: Scene, logged: LogFactory, database: Database
    ) -> None:
        async with database.session() as session:
            (await session.get_one(Job, scene.job.id)).attempt = 2
        again = await logged.step(scene.job, 0, attempt=2)
        await again.write("second attempt")
        found = (await scene.reporter.get(scene.paths[1])).json()
        assert [line["text"] for line in found["lines"]] == ["second attempt"]
        earlier = (await scene.reporter.get(scene.paths[1], params={"attempt": 1})).json()
        assert len(earlier["lines"]) == 7
        assert earlier["ended"] is True

    @pytest.mark.parametrize("position", ["x", "9:1", "0:x", "0:", ":1", "1:-1", "0:1e3", "٣"])
    async def test_a_wrong_position_is_400(self, scene: Scene, position: str) -> None:
        answer = await scene.reporter.get(scene.paths[1], params={"from_line": position})
        assert answer.status_code == 400
        assert answer.json()["code"] == "unknown_log_position"

    @pytest.mark.parametrize("limit", [0, -1, 10_001, "many"])
    async def test_a_wrong_limit_is_422(self, scene: Scene, limit: object) -> None:
        answer = await scene.reporter.get(scene.paths[0], params={"limit": limit})  # type: ignore[dict-item]
        assert answer.status_code == 422

    async def test_a_job_without_steps_has_an_empty_log(
        self, scene: Scene, logged: LogFactory
    ) -> None:
        job = await logged.job(scene.execution, "empty", started=False)
        found = (await scene.reporter.get(f"/api/v1/jobs/{job.id}/logs")).json()
        assert (found["lines"], found["parts"], found["next"]) == ([], [], None)
        text = await scene.reporter.get(f"/api/v1/jobs/{job.id}/logs.txt")
        assert (text.status_code, text.content) == (200, b"")

    async def test_a_page_costs_the_same_for_any_number_of_chunks_and_steps(
        self, scene: Scene, logged: LogFactory, queries: Queries
    ) -> None:
        await scene.reporter.get(scene.paths[0])  # remembers the token

        async def cost(path: str) -> int:
            with queries(max=5) as seen:
                await scene.reporter.get(path)
            return len(seen)

        few = [await cost(path) for path in scene.paths[:3]]
        for index in range(2, 8):
            step = await logged.step(scene.job, index)
            for number in range(5):
                await step.write(f"line {number}")
        assert [await cost(path) for path in scene.paths[:3]] == few

    async def test_long_lines_make_short_pages(self, scene: Scene, logged: LogFactory) -> None:
        step = await logged.step(scene.job, 9)
        for _ in range(9):
            await step.write(*["x" * 1000] * 1000)
        found = (await scene.reporter.get(f"/api/v1/steps/{step.id}/logs?limit=9000")).json()
        assert [line["number"] for line in found["lines"]] == list(range(1, 4001))
        assert found["next"] == f"{step.id}:4001"


class TestText:
    async def test_it_is_exactly_what_the_digest_says(
        self, scene: Scene, database: Database
    ) -> None:
        for _ in range(2):
            answer = await scene.reporter.get(scene.paths[3])
            assert answer.content == b"one\ntwo\nthree is longer\nfive\n"
            part = (await scene.reporter.get(scene.paths[0])).json()["part"]
            assert hashlib.sha256(answer.content).hexdigest() == part["sha256"]
            assert answer.headers["Content-Length"] == str(part["bytes"])
            await merge_step(database, scene.first.id)

    async def test_a_browser_neither_guesses_nor_runs_it(self, scene: Scene) -> None:
        for path in scene.paths[3:]:
            headers = (await scene.reporter.get(path)).headers
            assert headers["Content-Type"] == "text/plain; charset=utf-8"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Content-Disposition"].startswith("attachment;")
            assert "sandbox" in headers["Content-Security-Policy"]

    async def test_a_job_is_its_steps_one_after_the_other(self, scene: Scene) -> None:
        answer = await scene.reporter.get(scene.paths[4])
        assert answer.text == "one\ntwo\nthree is longer\nfive\na\nb\n"

    async def test_an_execution_names_jobs_and_steps(self, scene: Scene) -> None:
        answer = await scene.reporter.get(scene.paths[5])
        assert answer.text == (
            "==> build / step 0 <==\none\ntwo\nthree is longer\nfive\n"
            "==> build / step 1 <==\na\nb\n"
        )

    async def test_its_statements_do_not_depend_on_the_number_of_lines(
        self, scene: Scene, queries: Queries
    ) -> None:
        await scene.reporter.get(scene.paths[3])
        with queries(max=3):
            await scene.reporter.get(scene.paths[3])


class TestStream:
    async def test_it_is_a_stream_of_events_that_ends(self, scene: Scene) -> None:
        answer = await scene.reporter.get(f"{scene.paths[0]}?follow=true")
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-cache"
        blocks = [
            dict(line.split(": ", 1) for line in block.split("\n"))
            for block in answer.text.strip().split("\n\n")
        ]
        assert [block["event"] for block in blocks] == [
            "step.changed",
            "log.lines",
            "log.lines",
            "step.changed",
            "log.end",
        ]
        assert blocks[1]["id"] == f"{scene.first.id}:4"
        envelope = json.loads(blocks[1]["data"])
        assert envelope["topic"] == f"job:{scene.job.id}:log"
        assert envelope["data"]["continued"] == [2]

    @pytest.mark.parametrize(
        ("header", "texts"),
        [("0:2", ["three \nis longer\n", "five\n"]), ("0:5", []), ("0:4", ["five\n"])],
    )
    async def test_it_goes_on_after_the_last_event(
        self, scene: Scene, header: str, texts: list[str]
    ) -> None:
        for event_id in (header, header.replace("0", str(scene.first.id), 1)):
            answer = await scene.reporter.get(
                f"{scene.paths[0]}?follow=true", headers={"Last-Event-ID": event_id}
            )
            data = [
                json.loads(line.removeprefix("data: "))["data"]
                for line in answer.text.split("\n")
                if line.startswith("data: ")
            ]
            assert [each["text"] for each in data if "text" in each] == texts

    async def test_an_unreadable_last_event_is_400(self, scene: Scene) -> None:
        answer = await scene.reporter.get(
            f"{scene.paths[0]}?follow=true", headers={"Last-Event-ID": "yesterday"}
        )
        assert answer.status_code == 400

    async def test_a_job_is_followed_to_its_end(self, scene: Scene, logged: LogFactory) -> None:
        async def end() -> None:
            await scene.second.write("c")
            await scene.second.end()
            await logged.end_job(scene.job)

        answer, _ = await asyncio.gather(
            scene.reporter.get(f"{scene.paths[1]}?follow=true&from_line=1:2", timeout=30), end()
        )
        texts = [
            json.loads(line.removeprefix("data: "))["data"].get("text")
            for line in answer.text.split("\n")
            if line.startswith("data: ")
        ]
        assert "".join(text for text in texts if text) == "b\nc\n"


class TestFromLine:
    async def test_a_stream_begins_at_a_line_of_a_later_chunk(self, scene: Scene) -> None:
        address = f"/api/v1/steps/{scene.first.id}/logs"
        answer = await scene.reporter.get(address, params={"from_line": "5", "follow": "true"})
        assert "five" in answer.text
        assert "three" not in answer.text
