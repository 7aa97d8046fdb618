"""Pipelines and their versions: checked before stored, never changed after."""

import asyncio

import httpx
import pytest

from app.projects.models import Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import SOURCE, Factory, SignIn
from tests.pipelines.bad_files import BAD_FILES, BadFile

PATH = "./.ansflow/called.yml"
OTHER = "steps:\n  - run: echo other\n"
CALLER = f"jobs:\n  call:\n    uses: {PATH}\n"
CALLED = "on: workflow_call\njobs:\n  one:\n    runs-on: x\n    steps: [{run: echo}]\n"


@pytest.fixture
async def alice(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    user = await make.user("alice")
    await make.project("demo", members={Role.DEVELOPER: user})
    return await sign_in(user)


async def create(client: httpx.AsyncClient, **given: object) -> httpx.Response:
    fields = {"slug": "build", "source": SOURCE} | given
    return await client.post("/api/v1/projects/demo/pipelines", json=fields)


async def pipeline_path(client: httpx.AsyncClient) -> str:
    return f"/api/v1/pipelines/{body(await create(client), 201)['id']}"


class TestCreate:
    async def test_the_first_version_is_current(self, alice: httpx.AsyncClient) -> None:
        made = body(await create(alice, message="begin"), 201)
        assert (made["slug"], made["name"], made["current_version"]) == ("build", "build", 1)
        version = body(await alice.get(f"/api/v1/pipelines/{made['id']}/versions/1"))
        assert (version["source"], version["message"]) == (SOURCE, "begin")

    async def test_the_name_is_that_of_the_file(self, alice: httpx.AsyncClient) -> None:
        assert body(await create(alice, source=f"name: Build\n{SOURCE}"), 201)["name"] == "Build"

    async def test_the_slug_is_unique_in_its_project(
        self, alice: httpx.AsyncClient, make: Factory
    ) -> None:
        await make.pipeline(await make.project(), "build")
        body(await create(alice), 201)
        assert_problem(await create(alice), 409, "pipeline_slug_taken")

    async def test_a_wrong_file_is_refused_with_every_place(self, alice: httpx.AsyncClient) -> None:
        wrong = "steps:\n  - ran: echo\n  - run: echo\n    shall: bash\n"
        problem = assert_problem(await create(alice, source=wrong), 422, "invalid_pipeline")
        found = {(each["line"], each["column"], each["code"]) for each in problem["errors"]}
        assert {(2, 5, "unknown_key"), (4, 5, "unknown_key")} <= found
        assert "line 2, column 5" in problem["detail"]
        listed = body(await alice.get("/api/v1/projects/demo/pipelines"))["items"]
        assert listed == []

    @pytest.mark.parametrize(
        "source",
        ["", "- a list\n", "steps:\n\t- run: x\n", "a: &a [*a]", "[" * 5000, "\x00", "steps: 1"],
    )
    async def test_what_is_no_pipeline_is_refused(
        self, alice: httpx.AsyncClient, source: str
    ) -> None:
        problem = assert_problem(await create(alice, source=source), 422, "invalid_pipeline")
        assert problem["errors"][0]["line"] >= 1

    @pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES)
    async def test_a_bad_file_is_refused_with_the_place(
        self, alice: httpx.AsyncClient, bad: BadFile
    ) -> None:
        answer = await create(alice, source=bad.source)
        first = assert_problem(answer, 422, "invalid_pipeline")["errors"][0]
        assert (first["line"], first["column"], first["code"]) == (bad.line, bad.column, bad.code)
        assert bad.words in first["message"]

    async def test_a_huge_file_is_refused(self, alice: httpx.AsyncClient) -> None:
        huge = "#" * (1024 * 1024 + 1)
        problem = assert_problem(await create(alice, source=huge), 422, "invalid")
        assert problem["errors"][0]["location"] == ["body", "source"]

    async def test_a_reporter_does_not_create(self, make: Factory, sign_in: SignIn) -> None:
        user = await make.user()
        await make.project("demo", members={Role.REPORTER: user})
        assert_problem(await create(await sign_in(user)), 403, "role_too_low")


class TestCalledFiles:
    async def test_they_are_stored_with_the_version(self, alice: httpx.AsyncClient) -> None:
        made = body(await create(alice, source=CALLER, files={PATH: CALLED}), 201)
        version = body(await alice.get(f"/api/v1/pipelines/{made['id']}/versions/1"))
        assert version["files"] == {PATH: CALLED}

    async def test_a_missing_one_is_refused(self, alice: httpx.AsyncClient) -> None:
        problem = assert_problem(await create(alice, source=CALLER), 422, "invalid_pipeline")
        assert PATH in problem["detail"]

    async def test_a_wrong_one_is_refused_by_its_name(self, alice: httpx.AsyncClient) -> None:
        answer = await create(alice, source=CALLER, files={PATH: "nonsense: 1\n"})
        problem = assert_problem(answer, 422, "invalid_pipeline")
        assert {each["path"] for each in problem["errors"]} == {PATH}

    async def test_a_circle_is_refused(self, alice: httpx.AsyncClient) -> None:
        circle = "on: workflow_call\n" + CALLER
        answer = await create(alice, source=CALLER, files={PATH: circle})
        problem = assert_problem(answer, 422, "invalid_pipeline")
        assert problem["errors"][0]["path"] == PATH
        assert problem["errors"][0]["code"] == "invalid_call"

    @pytest.mark.parametrize("path", ["called.yml", "/etc/passwd", "./", "./a\nb"])
    async def test_a_bad_path_is_refused(self, alice: httpx.AsyncClient, path: str) -> None:
        answer = await create(alice, files={path: CALLED})
        assert_problem(answer, 422, "invalid")


class TestSave:
    async def test_each_new_content_is_a_version(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        saved = body(await alice.post(f"{path}/versions", json={"source": OTHER}))
        assert saved["number"] == 2
        assert body(await alice.get(path))["current_version"] == 2
        assert body(await alice.get(f"{path}/versions/1"))["source"] == SOURCE

    async def test_the_same_content_keeps_its_number(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        body(await alice.post(f"{path}/versions", json={"source": OTHER}))
        again = body(await alice.post(f"{path}/versions", json={"source": SOURCE}))
        assert again["number"] == 1
        assert body(await alice.get(path))["current_version"] == 1
        assert len(body(await alice.get(f"{path}/versions"))["items"]) == 2

    async def test_other_called_files_are_other_content(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        given = {"source": SOURCE, "files": {PATH: CALLED}}
        assert body(await alice.post(f"{path}/versions", json=given))["number"] == 2

    async def test_notices_come_with_the_answer(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        source = f"permissions: read-all\n{SOURCE}"
        saved = body(await alice.post(f"{path}/versions", json={"source": source}))
        assert [each["severity"] for each in saved["findings"]] == ["notice"]

    async def test_those_that_save_at_once_get_different_numbers(
        self, alice: httpx.AsyncClient
    ) -> None:
        path = await pipeline_path(alice)
        sources = [f"steps:\n  - run: echo {number}\n" for number in range(5)]
        answers = await asyncio.gather(
            *(alice.post(f"{path}/versions", json={"source": source}) for source in sources)
        )
        assert sorted(body(answer)["number"] for answer in answers) == [2, 3, 4, 5, 6]

    async def test_a_wrong_file_changes_nothing(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        answer = await alice.post(f"{path}/versions", json={"source": "x: 1"})
        assert_problem(answer, 422, "invalid_pipeline")
        assert body(await alice.get(path))["current_version"] == 1


class TestRollback:
    async def test_an_earlier_version_becomes_current(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        body(await alice.post(f"{path}/versions", json={"source": OTHER}))
        rolled = body(await alice.post(f"{path}/rollback", json={"number": 1}))
        assert rolled["current_version"] == 1
        assert len(body(await alice.get(f"{path}/versions"))["items"]) == 2

    async def test_an_unknown_version_is_not_found(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        answer = await alice.post(f"{path}/rollback", json={"number": 7})
        assert_problem(answer, 404, "version_not_found")


class TestRead:
    async def test_lists_cost_the_same_for_any_number(
        self, alice: httpx.AsyncClient, make: Factory, queries: Queries
    ) -> None:
        path = await pipeline_path(alice)
        for number in range(3):
            body(await alice.post(f"{path}/versions", json={"source": f"{SOURCE}# {number}\n"}))
            body(await create(alice, slug=f"more-{number}"), 201)
        for address, count in (
            ("/api/v1/pipelines", 2),
            ("/api/v1/projects/demo/pipelines", 3),
            (f"{path}/versions", 3),
        ):
            with queries(max=count):
                page = body(await alice.get(address, params={"limit": 3}))
            assert len(page["items"]) == 3
            query = {"limit": 3, "after": page["next"]}
            assert len(body(await alice.get(address, params=query))["items"]) == 1

    async def test_the_list_of_versions_does_not_read_their_texts(
        self, alice: httpx.AsyncClient, queries: Queries
    ) -> None:
        path = await pipeline_path(alice)
        with queries() as seen:
            body(await alice.get(f"{path}/versions"))
        assert not [statement for statement in seen if "source" in statement]

    async def test_a_guest_sees_the_pipeline_but_not_its_text(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        guest = await make.user()
        pipeline = await make.pipeline(await make.project(members={Role.GUEST: guest}))
        client = await sign_in(guest)
        body(await client.get(f"/api/v1/pipelines/{pipeline.id}"))
        answer = await client.get(f"/api/v1/pipelines/{pipeline.id}/versions/1")
        assert_problem(answer, 403, "role_too_low")

    async def test_a_stranger_does_not_see_it(
        self, make: Factory, alice: httpx.AsyncClient
    ) -> None:
        pipeline = await make.pipeline(await make.project())
        for path in ("", "/versions", "/versions/1"):
            answer = await alice.get(f"/api/v1/pipelines/{pipeline.id}{path}")
            assert_problem(answer, 404, "pipeline_not_found")
        listed = body(await alice.get("/api/v1/pipelines"))["items"]
        assert listed == []


class TestChange:
    async def test_absent_fields_stay(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        body(await alice.patch(path, json={"description": "all of it"}))
        changed = body(await alice.patch(path, json={"slug": "other", "name": "Other"}))
        assert (changed["slug"], changed["description"]) == ("other", "all of it")

    async def test_a_taken_slug_conflicts(self, alice: httpx.AsyncClient) -> None:
        path = await pipeline_path(alice)
        body(await create(alice, slug="test"), 201)
        answer = await alice.patch(path, json={"slug": "test"})
        assert_problem(answer, 409, "pipeline_slug_taken")

    async def test_only_maintainers_delete(
        self, make: Factory, sign_in: SignIn, alice: httpx.AsyncClient
    ) -> None:
        path = await pipeline_path(alice)
        assert_problem(await alice.delete(path), 403, "role_too_low")
        root = await sign_in(await make.user(administrator=True))
        body(await root.delete(path), 204)
        assert_problem(await alice.get(path), 404, "pipeline_not_found")


class TestInspect:
    async def test_findings_come_without_storing(self, alice: httpx.AsyncClient) -> None:
        path = "/api/v1/pipelines/inspect"
        good = body(await alice.post(path, json={"source": SOURCE}))
        assert good == {"valid": True, "findings": []}
        wrong = body(await alice.post(path, json={"source": "steps: 1"}))
        assert not wrong["valid"]
        assert wrong["findings"][0]["severity"] == "error"
        assert body(await alice.get("/api/v1/pipelines"))["items"] == []
