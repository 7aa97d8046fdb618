"""Environments: names, protection, who may."""

import asyncio

import httpx
import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.auth.models import User
from app.core.db import Database
from app.projects.models import Project, Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

ENVIRONMENTS = "/api/v1/projects/demo/environments"


class TestCreate:
    async def test_without_more_it_has_no_protection(self, maintainer: httpx.AsyncClient) -> None:
        made = body(await maintainer.post(ENVIRONMENTS, json={"name": "Production"}), 201)
        assert made["required_approvals"] == made["wait_minutes"] == 0
        assert (made["approver_ids"], made["approver_role"]) == ([], "maintainer")
        assert made["allowed_branches"] == []
        assert body(await maintainer.get(f"{ENVIRONMENTS}/{made['id']}")) == made
        assert body(await maintainer.get(ENVIRONMENTS))["items"] == [made]

    async def test_it_keeps_its_protection(
        self, maintainer: httpx.AsyncClient, members: dict[Role, User]
    ) -> None:
        fields = {
            "name": "prod/eu 🚀",
            "description": "the real one",
            "url": "https://ansflow.example/x?y=1",
            "required_approvals": 2,
            "approver_ids": [str(members[Role.GUEST].id), str(members[Role.OWNER].id)],
            "approver_role": None,
            "prevent_self_approval": True,
            "wait_minutes": 5,
            "allowed_branches": ["main", "!x", "releases/**"],
            "approval_hours": 48,
        }
        made = body(await maintainer.post(ENVIRONMENTS, json=fields), 201)
        assert {name: made[name] for name in fields} == fields

    async def test_names_differ_in_more_than_case(self, maintainer: httpx.AsyncClient) -> None:
        body(await maintainer.post(ENVIRONMENTS, json={"name": "Straße"}), 201)
        answer = await maintainer.post(ENVIRONMENTS, json={"name": "STRASSE"})
        assert_problem(answer, 409, "environment_name_taken")
        found = body(await maintainer.get(ENVIRONMENTS, params={"name": "strasse"}))["items"]
        assert [each["name"] for each in found] == ["Straße"]
        assert body(await maintainer.get(ENVIRONMENTS, params={"name": "other"}))["items"] == []

    async def test_two_at_once_make_one(self, maintainer: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(
            *(maintainer.post(ENVIRONMENTS, json={"name": name}) for name in ("a", "A"))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]

    async def test_two_projects_may_use_the_same_name(
        self, make: Factory, maintainer: httpx.AsyncClient, members: dict[Role, User]
    ) -> None:
        await make.project("other", members={Role.OWNER: members[Role.MAINTAINER]})
        for slug in ("demo", "other"):
            path = f"/api/v1/projects/{slug}/environments"
            body(await maintainer.post(path, json={"name": "production"}), 201)

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": ""},
            {"name": "x" * 201},
            {"name": "a\x00b"},
            {"name": "x", "project_id": "01890a5d-ac96-774b-bcce-b302099a8057"},
            {"name": "x", "required_approvals": -1},
            {"name": "x", "required_approvals": 2**70},
            {"name": "x", "wait_minutes": 43201},
            {"name": "x", "approval_hours": 0},
            {"name": "x", "approval_hours": 8761},
            {"name": "x", "allowed_branches": ["["]},
            {"name": "x", "allowed_branches": ["!"]},
            {"name": "x", "allowed_branches": ["a\x00"]},
            {"name": "x", "allowed_branches": ["x"] * 51},
            {"name": "x", "url": "javascript:alert(1)"},
            {"name": "x", "url": "https://a\nb"},
            {"name": "x", "approver_role": "root"},
        ],
    )
    async def test_a_bad_value_is_refused(
        self, maintainer: httpx.AsyncClient, fields: dict[str, object]
    ) -> None:
        assert_problem(await maintainer.post(ENVIRONMENTS, json=fields), 422, "invalid")

    async def test_approvers_are_members(
        self, make: Factory, maintainer: httpx.AsyncClient
    ) -> None:
        stranger = await make.user("stranger")
        fields = {"name": "x", "approver_ids": [str(stranger.id)]}
        answer = await maintainer.post(ENVIRONMENTS, json=fields)
        assert_problem(answer, 422, "approver_not_member")

    async def test_enough_people_could_approve(
        self, maintainer: httpx.AsyncClient, members: dict[Role, User]
    ) -> None:
        twice = [str(members[Role.OWNER].id)] * 2
        fields = {"name": "x", "required_approvals": 2, "approver_role": None}
        answer = await maintainer.post(ENVIRONMENTS, json={**fields, "approver_ids": twice})
        assert_problem(answer, 422, "nobody_could_approve")


class TestChange:
    async def test_absent_fields_stay(self, maintainer: httpx.AsyncClient) -> None:
        fields = {"name": "x", "wait_minutes": 5, "description": "before"}
        made = body(await maintainer.post(ENVIRONMENTS, json=fields), 201)
        path = f"{ENVIRONMENTS}/{made['id']}"
        changed = body(await maintainer.patch(path, json={"description": "after"}))
        assert (changed["name"], changed["wait_minutes"]) == ("x", 5)
        assert changed["description"] == "after"
        assert body(await maintainer.get(path)) == changed

    async def test_a_new_name_must_be_free(self, maintainer: httpx.AsyncClient) -> None:
        body(await maintainer.post(ENVIRONMENTS, json={"name": "a"}), 201)
        made = body(await maintainer.post(ENVIRONMENTS, json={"name": "b"}), 201)
        path = f"{ENVIRONMENTS}/{made['id']}"
        answer = await maintainer.patch(path, json={"name": "A"})
        assert_problem(answer, 409, "environment_name_taken")
        assert body(await maintainer.patch(path, json={"name": "B"}))["name"] == "B"

    async def test_deleting_is_for_good(self, maintainer: httpx.AsyncClient) -> None:
        made = body(await maintainer.post(ENVIRONMENTS, json={"name": "a"}), 201)
        path = f"{ENVIRONMENTS}/{made['id']}"
        body(await maintainer.delete(path), 204)
        for answer in (await maintainer.get(path), await maintainer.delete(path)):
            assert_problem(answer, 404, "environment_not_found")

    async def test_that_of_another_project_is_not_found(
        self, make: Factory, maintainer: httpx.AsyncClient, members: dict[Role, User]
    ) -> None:
        await make.project("other", members={Role.OWNER: members[Role.MAINTAINER]})
        other = "/api/v1/projects/other/environments"
        made = body(await maintainer.post(other, json={"name": "a"}), 201)
        path = f"{ENVIRONMENTS}/{made['id']}"
        for answer in (
            await maintainer.get(path),
            await maintainer.patch(path, json={"name": "mine"}),
            await maintainer.delete(path),
        ):
            assert_problem(answer, 404, "environment_not_found")
        assert body(await maintainer.get(other))["items"] == [made]


@pytest.mark.parametrize("role", list(Role))
async def test_reporters_look_and_maintainers_change(
    sign_in: SignIn, project: Project, members: dict[Role, User], role: Role
) -> None:
    assert project.slug == "demo"
    client = await sign_in(members[role])
    looks = (await client.get(ENVIRONMENTS)).status_code
    changes = (await client.post(ENVIRONMENTS, json={"name": "x"})).status_code
    assert looks == (403 if role is Role.GUEST else 200)
    assert changes == (201 if role in (Role.OWNER, Role.MAINTAINER) else 403)


async def test_changes_are_in_the_audit_trail(
    maintainer: httpx.AsyncClient, database: Database
) -> None:
    made = body(await maintainer.post(ENVIRONMENTS, json={"name": "a"}), 201)
    path = f"{ENVIRONMENTS}/{made['id']}"
    body(await maintainer.patch(path, json={"wait_minutes": 5}))
    body(await maintainer.delete(path), 204)
    async with database.read() as session:
        found = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        entries = [(each.action, each.user_name, each.before, each.after) for each in found]
    assert [each[:2] for each in entries] == [
        ("environment.create", "maintainer"),
        ("environment.update", "maintainer"),
        ("environment.delete", "maintainer"),
    ]
    assert entries[1][2:] == ({"wait_minutes": 0}, {"wait_minutes": 5})


async def test_the_list_is_in_pages_of_constant_cost(
    maintainer: httpx.AsyncClient, queries: Queries
) -> None:
    counts = []
    for number in range(3):
        body(await maintainer.post(ENVIRONMENTS, json={"name": f"e{number}"}), 201)
        with queries() as seen:
            page = body(await maintainer.get(ENVIRONMENTS))
        counts.append(len(seen))
    assert len(set(counts)) == 1
    first = body(await maintainer.get(ENVIRONMENTS, params={"limit": 2}))
    rest = body(await maintainer.get(ENVIRONMENTS, params={"limit": 2, "after": first["next"]}))
    assert [*first["items"], *rest["items"]] == page["items"]
    assert rest["next"] is None
