"""Members: no way to raise the own rights, none to touch those of a higher role."""

import asyncio

import httpx
import pytest

from app.auth.models import User
from app.projects.models import Project, Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn

BELOW = {
    Role.OWNER: set(Role),
    Role.MAINTAINER: {Role.DEVELOPER, Role.REPORTER, Role.GUEST},
}


@pytest.fixture
async def members(make: Factory) -> dict[Role, User]:
    return {role: await make.user(role.value) for role in Role}


@pytest.fixture
async def project(make: Factory, members: dict[Role, User]) -> Project:
    return await make.project("demo", members=members)


def path(user: User | str) -> str:
    return f"/api/v1/projects/demo/members/{user if isinstance(user, str) else user.name}"


@pytest.mark.usefixtures("project")
class TestGive:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("actor", [Role.OWNER, Role.MAINTAINER])
    async def test_one_gives_only_what_is_below_owners_anything(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User], actor: Role, role: Role
    ) -> None:
        newcomer = await make.user("newcomer")
        client = await sign_in(members[actor])
        answer = await client.put(path(newcomer), json={"role": role.value})
        if role in BELOW[actor]:
            assert body(answer)["role"] == role.value
        else:
            assert_problem(answer, 403, "role_too_low")

    @pytest.mark.parametrize("actor", [Role.DEVELOPER, Role.REPORTER, Role.GUEST])
    async def test_others_give_nothing(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User], actor: Role
    ) -> None:
        newcomer = await make.user("newcomer")
        client = await sign_in(members[actor])
        for user in (newcomer, members[actor]):
            answer = await client.put(path(user), json={"role": "guest"})
            assert_problem(answer, 403, "role_too_low")

    @pytest.mark.parametrize("role", [Role.OWNER, Role.MAINTAINER])
    async def test_nobody_raises_themselves(
        self, sign_in: SignIn, members: dict[Role, User], role: Role
    ) -> None:
        for actor in (Role.MAINTAINER, Role.DEVELOPER, Role.REPORTER, Role.GUEST):
            if actor is role:
                continue
            client = await sign_in(members[actor])
            answer = await client.put(path(members[actor]), json={"role": role.value})
            assert_problem(answer, 403, "role_too_low")

    @pytest.mark.parametrize("other", [Role.OWNER, Role.MAINTAINER])
    async def test_a_maintainer_does_not_lower_an_equal_or_higher_one(
        self,
        make: Factory,
        sign_in: SignIn,
        members: dict[Role, User],
        project: Project,
        other: Role,
    ) -> None:
        second = await make.user("second")
        await make.member(project, second, other)
        client = await sign_in(members[Role.MAINTAINER])
        assert_problem(await client.put(path(second), json={"role": "guest"}), 403, "role_too_low")
        assert_problem(await client.delete(path(second)), 403, "role_too_low")

    async def test_an_owner_of_one_project_is_nobody_in_another(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User]
    ) -> None:
        await make.project("other")
        client = await sign_in(members[Role.OWNER])
        answer = await client.put("/api/v1/projects/other/members/owner", json={"role": "guest"})
        assert_problem(answer, 404, "project_not_found")

    async def test_twice_is_once_and_names_have_no_case(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User]
    ) -> None:
        await make.user("Newcomer")
        client = await sign_in(members[Role.OWNER])
        for name in ("newcomer", "NEWCOMER"):
            body(await client.put(path(name), json={"role": "guest"}))
        listed = body(await client.get("/api/v1/projects/demo/members"))["items"]
        assert sorted(each["name"] for each in listed) == sorted(["Newcomer", *Role])

    async def test_an_unknown_user_is_not_found(
        self, sign_in: SignIn, members: dict[Role, User]
    ) -> None:
        client = await sign_in(members[Role.OWNER])
        answer = await client.put(path("nobody"), json={"role": "guest"})
        assert_problem(answer, 404, "user_not_found")

    async def test_a_token_without_the_scope_admin_gives_nothing(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User]
    ) -> None:
        newcomer = await make.user()
        client = await sign_in(members[Role.OWNER], "read", "write")
        answer = await client.put(path(newcomer), json={"role": "guest"})
        assert_problem(answer, 403, "insufficient_scope")


@pytest.mark.usefixtures("project")
class TestLeave:
    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
    async def test_everybody_may_leave(
        self, sign_in: SignIn, members: dict[Role, User], role: Role
    ) -> None:
        client = await sign_in(members[role])
        body(await client.delete(path(members[role])), 204)
        answer = await client.get("/api/v1/projects/demo")
        assert_problem(answer, 404, "project_not_found")

    async def test_the_last_owner_stays(self, sign_in: SignIn, members: dict[Role, User]) -> None:
        owner = members[Role.OWNER]
        client = await sign_in(owner)
        assert_problem(await client.delete(path(owner)), 409, "last_owner")
        answer = await client.put(path(owner), json={"role": "guest"})
        assert_problem(answer, 409, "last_owner")

    async def test_two_owners_do_not_both_leave(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User], project: Project
    ) -> None:
        second = await make.user("second")
        await make.member(project, second, Role.OWNER)
        clients = [(await sign_in(user), user) for user in (members[Role.OWNER], second)]
        answers = await asyncio.gather(*(client.delete(path(user)) for client, user in clients))
        assert sorted(answer.status_code for answer in answers) == [204, 409]

    async def test_others_do_not_learn_who_is_a_member(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User]
    ) -> None:
        await make.user("stranger")
        client = await sign_in(members[Role.GUEST])
        answers = [await client.delete(path(name)) for name in ("developer", "stranger", "none")]
        assert {answer.text for answer in answers} == {answers[0].text}
        assert_problem(answers[0], 403, "role_too_low")

    async def test_somebody_who_is_no_member_is_not_found(
        self, make: Factory, sign_in: SignIn, members: dict[Role, User]
    ) -> None:
        await make.user("stranger")
        client: httpx.AsyncClient = await sign_in(members[Role.MAINTAINER])
        assert_problem(await client.delete(path("stranger")), 404, "member_not_found")
