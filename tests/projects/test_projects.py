"""Projects: who sees them, who changes them."""

import httpx
import pytest

from app.projects.models import Role, Visibility
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

PROJECTS = "/api/v1/projects"


@pytest.fixture
async def alice(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("alice"))


class TestCreate:
    async def test_the_caller_owns_it(self, alice: httpx.AsyncClient) -> None:
        made = body(await alice.post(PROJECTS, json={"slug": "demo", "name": "Demo"}), 201)
        assert (made["name"], made["visibility"]) == ("Demo", "private")
        members = body(await alice.get(f"{PROJECTS}/demo/members"))["items"]
        assert [(each["name"], each["role"]) for each in members] == [("alice", "owner")]

    async def test_it_is_found_by_id_and_by_slug(self, alice: httpx.AsyncClient) -> None:
        made = body(await alice.post(PROJECTS, json={"slug": "demo"}), 201)
        assert body(await alice.get(f"{PROJECTS}/{made['id']}")) == made
        assert body(await alice.get(f"{PROJECTS}/demo")) == made

    async def test_the_slug_is_unique(self, alice: httpx.AsyncClient) -> None:
        body(await alice.post(PROJECTS, json={"slug": "demo"}), 201)
        answer = await alice.post(PROJECTS, json={"slug": "demo"})
        assert_problem(answer, 409, "project_slug_taken")

    @pytest.mark.parametrize(
        "slug",
        ["", "A", "a b", "-a", "a-", "a..b", "x" * 101, "0189b7a4-0000-7000-8000-000000000000"],
    )
    async def test_a_bad_slug_is_refused(self, alice: httpx.AsyncClient, slug: str) -> None:
        assert_problem(await alice.post(PROJECTS, json={"slug": slug}), 422, "invalid")

    async def test_nobody_makes_none(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(PROJECTS, json={"slug": "demo"})
        assert_problem(answer, 401, "unauthenticated")


class TestSee:
    @pytest.mark.parametrize(
        ("visibility", "anonymous", "stranger"),
        [
            (Visibility.PRIVATE, 404, 404),
            (Visibility.INTERNAL, 404, 200),
            (Visibility.PUBLIC, 200, 200),
        ],
    )
    async def test_the_visibility_decides_for_those_who_are_no_members(
        self,
        make: Factory,
        client: httpx.AsyncClient,
        alice: httpx.AsyncClient,
        visibility: Visibility,
        anonymous: int,
        stranger: int,
    ) -> None:
        project = await make.project(visibility=visibility)
        for caller, status in ((client, anonymous), (alice, stranger)):
            answer = await caller.get(f"{PROJECTS}/{project.slug}")
            assert answer.status_code == status
            listed = body(await caller.get(PROJECTS))["items"]
            assert bool(listed) == (status == 200)

    async def test_hidden_and_missing_projects_answer_alike(
        self, make: Factory, alice: httpx.AsyncClient
    ) -> None:
        await make.project("hidden")
        hidden = await alice.get(f"{PROJECTS}/hidden")
        missing = await alice.get(f"{PROJECTS}/missing")
        assert_problem(hidden, 404, "project_not_found")
        assert hidden.json() == missing.json()

    async def test_members_and_administrators_see_it(self, make: Factory, sign_in: SignIn) -> None:
        guest, root = await make.user(), await make.user(administrator=True)
        project = await make.project(members={Role.GUEST: guest})
        for user in (guest, root):
            body(await (await sign_in(user)).get(f"{PROJECTS}/{project.id}"))

    async def test_the_list_costs_the_same_for_any_number(
        self, make: Factory, alice: httpx.AsyncClient, queries: Queries
    ) -> None:
        for _ in range(5):
            await make.project(visibility=Visibility.INTERNAL)
        with queries(max=2):
            page = body(await alice.get(PROJECTS, params={"limit": 3}))
        assert len(page["items"]) == 3
        rest = body(await alice.get(PROJECTS, params={"after": page["next"]}))
        assert len(rest["items"]) == 2
        assert rest["next"] is None

    async def test_the_list_can_be_only_ones_own(
        self, make: Factory, alice: httpx.AsyncClient
    ) -> None:
        await make.project(visibility=Visibility.PUBLIC)
        body(await alice.post(PROJECTS, json={"slug": "mine"}), 201)
        own = body(await alice.get(PROJECTS, params={"member": True}))["items"]
        assert [each["slug"] for each in own] == ["mine"]


class TestUpdate:
    async def test_absent_fields_stay(self, alice: httpx.AsyncClient) -> None:
        body(await alice.post(PROJECTS, json={"slug": "demo", "name": "Demo"}), 201)
        body(await alice.patch(f"{PROJECTS}/demo", json={"description": "for tests"}))
        changed = body(await alice.patch(f"{PROJECTS}/demo", json={"slug": "renamed"}))
        assert (changed["name"], changed["description"]) == ("Demo", "for tests")
        assert_problem(await alice.get(f"{PROJECTS}/demo"), 404, "project_not_found")

    async def test_a_taken_slug_conflicts(self, alice: httpx.AsyncClient) -> None:
        for slug in ("one", "two"):
            body(await alice.post(PROJECTS, json={"slug": slug}), 201)
        answer = await alice.patch(f"{PROJECTS}/one", json={"slug": "two"})
        assert_problem(answer, 409, "project_slug_taken")
        assert body(await alice.get(f"{PROJECTS}/one"))["slug"] == "one"

    async def test_a_maintainer_does_not_change_the_visibility(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        maintainer = await make.user()
        project = await make.project(members={Role.MAINTAINER: maintainer})
        client, path = await sign_in(maintainer), f"{PROJECTS}/{project.slug}"
        body(await client.patch(path, json={"name": "New", "visibility": "private"}))
        answer = await client.patch(path, json={"visibility": "public"})
        assert_problem(answer, 403, "role_too_low")

    @pytest.mark.parametrize("change", [{"slug": None}, {"id": "x"}, {"visibility": "secret"}])
    async def test_malformed_changes_are_refused(
        self, alice: httpx.AsyncClient, change: dict[str, object]
    ) -> None:
        body(await alice.post(PROJECTS, json={"slug": "demo"}), 201)
        assert_problem(await alice.patch(f"{PROJECTS}/demo", json=change), 422, "invalid")


class TestDelete:
    async def test_everything_in_it_goes(self, make: Factory, alice: httpx.AsyncClient) -> None:
        made = body(await alice.post(PROJECTS, json={"slug": "demo"}), 201)
        steps = {"slug": "build", "source": "steps: [{run: echo}]"}
        pipeline = body(await alice.post(f"{PROJECTS}/demo/pipelines", json=steps), 201)
        body(await alice.delete(f"{PROJECTS}/{made['id']}"), 204)
        assert_problem(await alice.get(f"{PROJECTS}/demo"), 404, "project_not_found")
        answer = await alice.get(f"/api/v1/pipelines/{pipeline['id']}")
        assert_problem(answer, 404, "pipeline_not_found")
