"""Teams: who chooses who is in them, and what they give in projects."""

import httpx
import pytest

from app.projects.models import Project, Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

TEAMS, PLACE = "/api/v1/teams", "/api/v1/projects/demo/teams/ops"
MEMBERS = f"{TEAMS}/ops/members"


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


class TestTeam:
    async def test_administrators_make_change_and_delete_them(
        self, root: httpx.AsyncClient
    ) -> None:
        made = body(await root.post(TEAMS, json={"slug": "ops"}), 201)
        assert (made["slug"], made["name"]) == ("ops", "ops")
        assert_problem(await root.post(TEAMS, json={"slug": "ops"}), 409, "team_slug_taken")
        changed = body(await root.patch(f"{TEAMS}/ops", json={"name": "Op\U0001f4a5s"}))
        assert (changed["slug"], changed["name"]) == ("ops", "Op\U0001f4a5s")
        body(await root.delete(f"{TEAMS}/ops"), 204)
        assert_problem(await root.get(f"{TEAMS}/ops"), 404, "team_not_found")

    async def test_others_do_not(self, make: Factory, sign_in: SignIn) -> None:
        alice = await make.user("alice")
        await make.team("ops", alice)
        client = await sign_in(alice)
        for answer in (
            await client.post(TEAMS, json={"slug": "own"}),
            await client.patch(f"{TEAMS}/ops", json={"name": "x"}),
            await client.delete(f"{TEAMS}/ops"),
        ):
            assert_problem(answer, 403, "administrator_only")

    async def test_one_sees_only_the_teams_that_one_is_in(
        self, make: Factory, sign_in: SignIn, root: httpx.AsyncClient, queries: Queries
    ) -> None:
        alice = await make.user("alice")
        await make.team("ops", alice)
        await make.team("other")
        client = await sign_in(alice)
        with queries(max=2):
            listed = body(await client.get(TEAMS))["items"]
        assert [team["slug"] for team in listed] == ["ops"]
        assert len(body(await root.get(TEAMS))["items"]) == 2
        body(await client.get(f"{TEAMS}/ops"))
        for path in (f"{TEAMS}/other", f"{TEAMS}/other/members", f"{TEAMS}/none"):
            assert_problem(await client.get(path), 404, "team_not_found")


class TestMembers:
    async def test_managers_choose_and_others_only_leave(
        self, make: Factory, sign_in: SignIn, root: httpx.AsyncClient
    ) -> None:
        alice, bob = await make.user("alice"), await make.user("bob")
        await make.team("ops", alice, bob)
        hers, his = await sign_in(alice), await sign_in(bob)
        await make.user("carol")
        body(await root.put(f"{MEMBERS}/alice", json={"is_manager": True}))
        body(await hers.put(f"{MEMBERS}/carol", json={}))
        for answer in (
            await his.put(f"{MEMBERS}/bob", json={"is_manager": True}),
            await his.put(f"{MEMBERS}/carol", json={}),
            await his.delete(f"{MEMBERS}/carol"),
        ):
            assert_problem(answer, 403, "managers_only")
        listed = body(await his.get(MEMBERS))["items"]
        assert {each["name"]: each["is_manager"] for each in listed} == {
            "alice": True,
            "bob": False,
            "carol": False,
        }
        body(await his.delete(f"{MEMBERS}/BOB"), 204)
        assert_problem(await his.get(MEMBERS), 404, "team_not_found")
        assert_problem(await hers.delete(f"{MEMBERS}/bob"), 404, "member_not_found")

    async def test_a_stranger_does_not_get_in(self, make: Factory, sign_in: SignIn) -> None:
        await make.team("ops")
        client = await sign_in(await make.user("alice"))
        answer = await client.put(f"{MEMBERS}/alice", json={"is_manager": True})
        assert_problem(answer, 404, "team_not_found")

    async def test_a_token_without_the_scope_admin_puts_nobody_in(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        await make.team("ops")
        limited = await sign_in(await make.user(administrator=True), "read", "write")
        answer = await limited.put(f"{MEMBERS}/alice", json={})
        assert_problem(answer, 403, "insufficient_scope")


class TestRole:
    async def test_it_follows_the_team_at_once(
        self, make: Factory, sign_in: SignIn, root: httpx.AsyncClient, project: Project
    ) -> None:
        alice = await make.user("alice")
        await make.pipeline(project)
        await make.team("ops")
        client = await sign_in(alice)
        page, status = "/api/v1/projects/demo", "/api/v1/pipelines/status"
        assert_problem(await client.get(page), 404, "project_not_found")
        assert body(await client.get(status))["items"] == []
        body(await root.put(PLACE, json={"role": "reporter"}))
        body(await root.put(f"{MEMBERS}/alice", json={}))
        body(await client.get(page))
        assert len(body(await client.get(status))["items"]) == 1
        assert (
            len(body(await client.get("/api/v1/projects", params={"member": True}))["items"]) == 1
        )
        body(await root.delete(f"{MEMBERS}/alice"), 204)
        assert_problem(await client.get(page), 404, "project_not_found")
        assert body(await client.get(status))["items"] == []

    @pytest.mark.parametrize("ends_by", ["team", "place"])
    async def test_it_ends_with_the_team_or_its_place(
        self,
        make: Factory,
        sign_in: SignIn,
        root: httpx.AsyncClient,
        project: Project,
        ends_by: str,
    ) -> None:
        alice = await make.user("alice")
        await make.team_role(project, await make.team("ops", alice), Role.DEVELOPER)
        client = await sign_in(alice)
        body(await client.get("/api/v1/pipelines/status"))
        body(await root.delete(PLACE if ends_by == "place" else f"{TEAMS}/ops"), 204)
        assert body(await client.get("/api/v1/projects"))["items"] == []
        assert body(await client.get("/api/v1/pipelines/status"))["items"] == []

    @pytest.mark.parametrize(
        ("own", "teams", "reads_members"),
        [
            (Role.GUEST, [Role.DEVELOPER], True),
            (Role.DEVELOPER, [Role.GUEST], True),
            (None, [Role.GUEST, Role.MAINTAINER, Role.REPORTER], True),
            (Role.GUEST, [Role.REPORTER, Role.GUEST], False),
        ],
    )
    async def test_the_highest_counts(
        self,
        make: Factory,
        sign_in: SignIn,
        project: Project,
        own: Role | None,
        teams: list[Role],
        reads_members: bool,
    ) -> None:
        alice = await make.user("alice")
        if own is not None:
            await make.member(project, alice, own)
        for role in teams:
            await make.team_role(project, await make.team(None, alice), role)
        client = await sign_in(alice)
        listed = body(await client.get("/api/v1/projects"))["items"]
        assert [each["slug"] for each in listed] == ["demo"]
        answer = await client.get("/api/v1/projects/demo/members")
        assert answer.status_code == (200 if reads_members else 403)

    async def test_it_costs_no_query_more(
        self, make: Factory, sign_in: SignIn, project: Project, queries: Queries
    ) -> None:
        alice = await make.user("alice")
        for role in Role:
            await make.team_role(project, await make.team(None, alice), role)
        client = await sign_in(alice)
        with queries(max=2):
            body(await client.get("/api/v1/projects/demo"))


class TestGive:
    @pytest.mark.parametrize("role", [Role.OWNER, Role.MAINTAINER])
    async def test_nobody_raises_themselves_through_a_team(
        self, make: Factory, sign_in: SignIn, project: Project, role: Role
    ) -> None:
        alice = await make.user("alice")
        await make.member(project, alice, Role.MAINTAINER)
        await make.team("ops", alice)
        client = await sign_in(alice)
        assert_problem(await client.put(PLACE, json={"role": role.value}), 403, "role_too_low")
        assert body(await client.put(PLACE, json={"role": "developer"}))["role"] == "developer"

    async def test_a_maintainer_does_not_touch_a_team_of_owners(
        self, make: Factory, sign_in: SignIn, project: Project
    ) -> None:
        alice = await make.user("alice")
        await make.member(project, alice, Role.MAINTAINER)
        await make.team_role(project, await make.team("ops"), Role.OWNER)
        client = await sign_in(alice)
        assert_problem(await client.put(PLACE, json={"role": "guest"}), 403, "role_too_low")
        assert_problem(await client.delete(PLACE), 403, "role_too_low")

    async def test_a_team_of_owners_does_not_replace_the_last_owner(
        self, make: Factory, sign_in: SignIn, project: Project
    ) -> None:
        owner, alice = await make.user("owner"), await make.user("alice")
        await make.member(project, owner, Role.OWNER)
        await make.team_role(project, await make.team("ops", alice), Role.OWNER)
        client = await sign_in(alice)
        answer = await client.delete("/api/v1/projects/demo/members/owner")
        assert_problem(answer, 409, "last_owner")

    async def test_teams_of_a_project_are_listed(
        self, make: Factory, root: httpx.AsyncClient, project: Project, queries: Queries
    ) -> None:
        for number in range(3):
            await make.team_role(project, await make.team(f"team-{number}"), Role.GUEST)
        path, after, found = "/api/v1/projects/demo/teams", None, []
        while True:
            query = {"limit": "2"} | ({"after": after} if after else {})
            with queries(max=3):
                page = body(await root.get(path, params=query))
            found += [each["team"] for each in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert sorted(found) == ["team-0", "team-1", "team-2"]

    async def test_unknown_teams_are_not_found(
        self, root: httpx.AsyncClient, project: Project, make: Factory
    ) -> None:
        assert_problem(await root.put(PLACE, json={"role": "guest"}), 404, "team_not_found")
        assert_problem(await root.delete(PLACE), 404, "team_not_found")
        await make.team("ops")
        assert_problem(await root.delete(PLACE), 404, "member_not_found")
