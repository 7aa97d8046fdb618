"""Variables of projects and environments."""

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

PROJECT = "/api/v1/projects/demo"
VARIABLES = f"{PROJECT}/variables"


@pytest.fixture(params=["project", "environment"])
async def path(request: pytest.FixtureRequest, maintainer: httpx.AsyncClient) -> str:
    """Where the variables are: in the project, then in one of its environments."""
    if request.param == "project":
        return VARIABLES
    made = body(await maintainer.post(f"{PROJECT}/environments", json={"name": "e"}), 201)
    return f"{PROJECT}/environments/{made['id']}/variables"


async def test_they_are_set_listed_in_clear_and_deleted(
    maintainer: httpx.AsyncClient, path: str
) -> None:
    made = body(await maintainer.put(f"{path}/region", json={"value": "eu 🚀\n"}))
    assert (made["name"], made["value"]) == ("REGION", "eu 🚀\n")
    changed = body(await maintainer.put(f"{path}/Region", json={"value": ""}))
    assert (changed["name"], changed["value"]) == ("REGION", "")
    assert changed["created_at"] == made["created_at"]
    assert body(await maintainer.get(path))["items"] == [changed]
    assert body(await maintainer.get(f"{path}/REGION")) == changed
    body(await maintainer.delete(f"{path}/region"), 204)
    for answer in (
        await maintainer.get(f"{path}/REGION"),
        await maintainer.delete(f"{path}/REGION"),
    ):
        assert_problem(answer, 404, "variable_not_found")


async def test_those_of_an_environment_are_its_own(maintainer: httpx.AsyncClient) -> None:
    made = body(await maintainer.post(f"{PROJECT}/environments", json={"name": "e"}), 201)
    environment = f"{PROJECT}/environments/{made['id']}"
    body(await maintainer.put(f"{VARIABLES}/A", json={"value": "project"}))
    body(await maintainer.put(f"{environment}/variables/A", json={"value": "environment"}))
    for path, value in ((VARIABLES, "project"), (f"{environment}/variables", "environment")):
        items = body(await maintainer.get(path))["items"]
        assert [each["value"] for each in items] == [value]
    body(await maintainer.delete(environment), 204)
    assert len(body(await maintainer.get(VARIABLES))["items"]) == 1
    answer = await maintainer.get(f"{environment}/variables")
    assert_problem(answer, 404, "environment_not_found")


async def test_an_environment_of_another_project_is_not_found(
    make: Factory, maintainer: httpx.AsyncClient, members: dict[Role, User]
) -> None:
    await make.project("other", members={Role.OWNER: members[Role.MAINTAINER]})
    other = "/api/v1/projects/other/environments"
    made = body(await maintainer.post(other, json={"name": "e"}), 201)
    for kind in ("variables", "secrets"):
        path = f"{PROJECT}/environments/{made['id']}/{kind}"
        for answer in (
            await maintainer.get(path),
            await maintainer.put(f"{path}/A", json={"value": "mine"}),
        ):
            assert_problem(answer, 404, "environment_not_found")


@pytest.mark.parametrize("kind", ["variables", "secrets"])
@pytest.mark.parametrize("name", ["1A", "A-B", "a.b", "GITHUB_TOKEN", "github_x", "ä", "A" * 256])
async def test_names_are_as_github_allows(
    maintainer: httpx.AsyncClient, kind: str, name: str
) -> None:
    answer = await maintainer.put(f"{PROJECT}/{kind}/{name}", json={"value": "xyz"})
    assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("kind", ["variables", "secrets"])
async def test_values_have_a_limit(maintainer: httpx.AsyncClient, kind: str) -> None:
    path = f"{PROJECT}/{kind}/A"
    body(await maintainer.put(path, json={"value": "x" * 49152}))
    for value in ("x" * 49153, "ä" * 24577, "a\x00b", 1, None):
        answer = await maintainer.put(path, json={"value": value})
        problem = assert_problem(answer, 422, "invalid")
        assert "xxxx" not in str(problem)


async def test_there_is_a_limit_of_how_many(maintainer: httpx.AsyncClient) -> None:
    for number in range(5):
        body(await maintainer.put(f"{VARIABLES}/A{number}", json={"value": "x" * 49152}))
    answer = await maintainer.put(f"{VARIABLES}/B", json={"value": "x" * 49152})
    assert_problem(answer, 409, "too_many_values")
    body(await maintainer.put(f"{VARIABLES}/A0", json={"value": "y" * 49152}))
    for number in range(95):
        body(await maintainer.put(f"{VARIABLES}/C{number}", json={"value": "x"}))
    answer = await maintainer.put(f"{VARIABLES}/B", json={"value": ""})
    assert_problem(answer, 409, "too_many_values")
    body(await maintainer.put(f"{VARIABLES}/C0", json={"value": "y"}))


async def test_two_at_once_make_one(maintainer: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(maintainer.put(f"{VARIABLES}/A", json={"value": value}) for value in "ab")
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    (kept,) = body(await maintainer.get(VARIABLES))["items"]
    assert kept["value"] in [body(each)["value"] for each in answers if each.status_code == 200]


@pytest.mark.parametrize("kind", ["variables", "secrets"])
@pytest.mark.parametrize("role", list(Role))
async def test_developers_look_and_maintainers_change(
    sign_in: SignIn, project: Project, members: dict[Role, User], role: Role, kind: str
) -> None:
    assert project.slug == "demo"
    client = await sign_in(members[role])
    looks = (await client.get(f"{PROJECT}/{kind}")).status_code
    changes = (await client.put(f"{PROJECT}/{kind}/A", json={"value": "xyz"})).status_code
    assert looks == (403 if role in (Role.GUEST, Role.REPORTER) else 200)
    assert changes == (200 if role in (Role.OWNER, Role.MAINTAINER) else 403)


async def test_changes_are_in_the_audit_trail(
    maintainer: httpx.AsyncClient, database: Database, path: str
) -> None:
    body(await maintainer.put(f"{path}/A", json={"value": "before"}))
    body(await maintainer.put(f"{path}/A", json={"value": "after"}))
    body(await maintainer.delete(f"{path}/A"), 204)
    async with database.read() as session:
        found = await session.scalars(
            select(AuditEntry).where(AuditEntry.kind == "variable").order_by(AuditEntry.id)
        )
        entries = [(each.action, each.before, each.after) for each in found]
    assert entries == [
        ("variable.create", None, {"value": "before"}),
        ("variable.update", {"value": "before"}, {"value": "after"}),
        ("variable.delete", {"value": "after"}, None),
    ]


@pytest.mark.parametrize("kind", ["variables", "secrets"])
async def test_the_lists_are_in_pages_of_constant_cost(
    maintainer: httpx.AsyncClient, queries: Queries, kind: str
) -> None:
    path, counts = f"{PROJECT}/{kind}", []
    for number in range(3):
        body(await maintainer.put(f"{path}/A{number}", json={"value": "xyz"}))
        with queries() as seen:
            page = body(await maintainer.get(path))
        counts.append(len(seen))
    assert len(set(counts)) == 1
    first = body(await maintainer.get(path, params={"limit": 2}))
    rest = body(await maintainer.get(path, params={"limit": 2, "after": first["next"]}))
    assert [*first["items"], *rest["items"]] == page["items"]
