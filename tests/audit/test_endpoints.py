"""Who reads the audit trail, what is found, and how it is exported."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from app.audit.recording import record_change
from app.audit.service import export
from app.auth.principals import Principal
from app.core.clock import new_id
from app.core.db import Database
from app.models import Project, User
from app.projects.models import Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

AUDIT = "/api/v1/audit"
OF_DEMO = "/api/v1/projects/demo/audit"


@pytest.fixture
async def maintainer(make: Factory) -> User:
    return await make.user("mia")


@pytest.fixture
async def project(make: Factory, maintainer: User) -> Project:
    return await make.project("demo", members={Role.MAINTAINER: maintainer})


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


async def add(database: Database, action: str = "thing.make", **fields: Any) -> None:
    by = fields.pop("by", None) or Principal(user_id=new_id(), name="ada")
    given: dict[str, Any] = {"kind": "thing", "target_id": new_id(), "name": "x", **fields}
    async with database.session() as session:
        await record_change(session, by, action, **given)


async def found(client: httpx.AsyncClient, path: str = AUDIT, **params: Any) -> list[str]:
    answer = body(await client.get(path, params=params))
    return [entry["action"] for entry in answer["items"]]


class TestChanges:
    async def test_a_request_leaves_who_what_and_from_where(
        self, project: Project, maintainer: User, sign_in: SignIn, root: httpx.AsyncClient
    ) -> None:
        client = await sign_in(maintainer)
        headers = {"User-Agent": "curl/8", "X-Request-ID": "one-two-three"}
        change = {"name": "New", "description": ""}
        body(await client.patch("/api/v1/projects/demo", json=change, headers=headers))
        (entry,) = body(await root.get(AUDIT))["items"]
        assert entry["user_name"] == "mia"
        assert entry["user_id"] == str(maintainer.id)
        assert entry["credential"] == "token"
        assert (entry["action"], entry["kind"], entry["name"]) == (
            "project.update",
            "project",
            "demo",
        )
        assert entry["target_id"] == entry["project_id"] == str(project.id)
        assert (entry["before"], entry["after"]) == ({"name": "demo"}, {"name": "New"})
        assert entry["address"] == "127.0.0.1"
        assert (entry["user_agent"], entry["request_id"]) == ("curl/8", "one-two-three")

    async def test_what_fails_leaves_nothing(
        self,
        make: Factory,
        project: Project,
        maintainer: User,
        sign_in: SignIn,
        root: httpx.AsyncClient,
    ) -> None:
        await make.project("taken")
        client = await sign_in(maintainer)
        answer = await client.patch("/api/v1/projects/demo", json={"slug": "taken"})
        assert_problem(answer, 409, "project_slug_taken")
        assert await found(root) == []

    async def test_a_password_is_never_in_it(self, root: httpx.AsyncClient) -> None:
        made = body(
            await root.post("/api/v1/users", json={"name": "bob", "password": "first password 1"}),
            201,
        )
        path = f"/api/v1/users/{made['id']}"
        body(await root.patch(path, json={"password": "second password 2"}))
        text = (await root.get(AUDIT)).text
        assert "first password" not in text
        assert "second password" not in text
        assert "argon2" not in text
        newest = body(await root.get(AUDIT))["items"][0]
        assert newest["after"] == {"password_hash": "***"}

    async def test_entries_outlive_their_project(
        self, make: Factory, project: Project, root: httpx.AsyncClient
    ) -> None:
        assert (await root.delete("/api/v1/projects/demo")).status_code == 204
        assert await found(root, project_id=str(project.id)) == ["project.delete"]


class TestLogIns:
    async def test_log_in_and_log_out_and_failures_leave_entries(
        self, client: httpx.AsyncClient, root: httpx.AsyncClient
    ) -> None:
        fields = {"name": "ada", "password": "correct horse battery"}
        made = body(await root.post("/api/v1/users", json=fields), 201)
        login, csrf = "/api/v1/auth/login", {"X-AnsFlow-CSRF": "1"}
        await client.post(login, json=fields | {"password": "hunter2hunter2"})
        await client.post(login, json={"name": "hunter3", "password": "hunter2hunter2"})
        body(await client.post(login, json=fields))
        assert (await client.post("/api/v1/auth/logout", headers=csrf)).status_code == 204
        answer = await root.get(AUDIT, params={"kind": "user"})
        entries = body(answer)["items"]
        assert [each["action"] for each in entries] == [
            "auth.logout",
            "auth.login",
            "auth.login_failed",
            "auth.login_failed",
            "user.create",
        ]
        assert [each["target_id"] for each in entries[:4]] == [
            made["id"],
            made["id"],
            None,
            made["id"],
        ]
        assert [each["user_name"] for each in entries[:4]] == [
            "ada",
            "ada",
            "anonymous",
            "anonymous",
        ]
        # What was typed as a name may be a password.
        assert "hunter" not in answer.text

    async def test_what_the_throttle_refuses_leaves_no_entries(
        self, client: httpx.AsyncClient, root: httpx.AsyncClient
    ) -> None:
        wrong = {"name": "nobody", "password": "wrong wrong wrong"}
        statuses = [
            (await client.post("/api/v1/auth/login", json=wrong)).status_code for _ in range(13)
        ]
        assert statuses[-1] == 429
        assert len(await found(root)) == statuses.count(401)


class TestFilters:
    async def test_each_finds_what_it_says(
        self, database: Database, root: httpx.AsyncClient
    ) -> None:
        user, target, project = new_id(), new_id(), new_id()
        await add(database, "a.first", by=Principal(user_id=user, name="u"))
        await add(database, "b.second", kind="other")
        await add(database, "c.third", target_id=target)
        await add(database, "d.fourth", project_id=project)
        assert await found(root, user_id=str(user)) == ["a.first"]
        assert await found(root, kind="other") == ["b.second"]
        assert await found(root, target_id=str(target)) == ["c.third"]
        assert await found(root, project_id=str(project)) == ["d.fourth"]
        assert await found(root, action="c.third") == ["c.third"]
        assert await found(root, action="c.third", kind="other") == []

    async def test_time_is_a_half_open_range(
        self, database: Database, root: httpx.AsyncClient
    ) -> None:
        await add(database)
        assert await found(root, since="2020-01-01T00:00:00Z") == ["thing.make"]
        assert await found(root, until="2020-01-01T00:00:00Z") == []
        assert await found(root, since="9999-12-31T23:59:59Z") == []
        assert await found(root, until="0001-01-01T00:00:00Z") == []
        answer = await root.get(AUDIT, params={"since": "2020-01-01T00:00:00"})
        assert_problem(answer, 422, "invalid")

    async def test_the_list_is_in_pages_of_constant_cost(
        self, database: Database, root: httpx.AsyncClient, queries: Queries
    ) -> None:
        for number in range(5):
            await add(database, f"n.{number}")
        with queries(max=2):
            first = body(await root.get(AUDIT, params={"limit": 2}))
        second = body(await root.get(AUDIT, params={"limit": 2, "after": first["next"]}))
        actions = [each["action"] for each in (*first["items"], *second["items"])]
        assert actions == ["n.4", "n.3", "n.2", "n.1"]


class TestRights:
    async def test_maintainers_see_their_project_and_nothing_else(
        self,
        database: Database,
        make: Factory,
        project: Project,
        maintainer: User,
        sign_in: SignIn,
    ) -> None:
        other = await make.project()
        await add(database, "own.change", project_id=project.id)
        await add(database, "other.change", project_id=other.id)
        await add(database, "global.change")
        client = await sign_in(maintainer)
        assert await found(client, OF_DEMO) == ["own.change"]
        assert await found(client, OF_DEMO, project_id=str(other.id)) == ["own.change"]
        exported = await client.get(f"{OF_DEMO}/export", params={"format": "jsonl"})
        assert [json.loads(line)["action"] for line in exported.text.splitlines()] == ["own.change"]
        assert_problem(await client.get(AUDIT), 403, "administrator_only")
        assert_problem(await client.get(f"{AUDIT}/export"), 403, "administrator_only")
        path = f"/api/v1/projects/{other.slug}/audit"
        assert_problem(await client.get(path), 404, "project_not_found")

    async def test_developers_do_not_see_it(
        self, make: Factory, project: Project, sign_in: SignIn
    ) -> None:
        dora = await make.user()
        await make.member(project, dora, Role.DEVELOPER)
        client = await sign_in(dora)
        assert_problem(await client.get(OF_DEMO), 403, "role_too_low")
        assert_problem(await client.get(f"{OF_DEMO}/export"), 403, "role_too_low")

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    @pytest.mark.parametrize("path", [AUDIT, f"{AUDIT}/export", OF_DEMO])
    async def test_nothing_writes_it(
        self, project: Project, root: httpx.AsyncClient, method: str, path: str
    ) -> None:
        assert (await root.request(method, path)).status_code == 405


class TestExport:
    async def test_csv_has_all_entries_over_all_pages(
        self, database: Database, root: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "AT_ONCE", 2)
        for number in range(5):
            await add(database, f"n.{number}", after={"key": 'a"b,\n'})
        answer = await root.get(f"{AUDIT}/export", params={"format": "csv"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["action"] for row in rows] == ["n.4", "n.3", "n.2", "n.1", "n.0"]
        assert json.loads(rows[0]["after"]) == {"key": 'a"b,\n'}
        assert rows[0]["before"] == ""

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    async def test_csv_holds_no_formulas(
        self, database: Database, root: httpx.AsyncClient, start: str
    ) -> None:
        await add(database, name=f"{start}HYPERLINK(0)")
        answer = await root.get(f"{AUDIT}/export")
        (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
        assert row["name"] == f"'{start}HYPERLINK(0)"

    async def test_json_lines_are_the_entries(
        self, database: Database, root: httpx.AsyncClient
    ) -> None:
        await add(database, "n.0", name="=1")
        await add(database, "n.1")
        params = {"format": "jsonl", "action": "n.0"}
        answer = await root.get(f"{AUDIT}/export", params=params)
        assert answer.headers["content-type"] == "application/x-ndjson"
        listed = body(await root.get(AUDIT, params={"action": "n.0"}))["items"]
        assert [json.loads(line) for line in answer.text.splitlines()] == listed
        assert listed[0]["name"] == "=1"
