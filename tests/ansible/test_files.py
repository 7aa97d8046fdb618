"""Inventories and playbooks over HTTP: versions, checks, hosts."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core.db import Database
from app.models import Project
from app.projects.models import Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

URL = "/api/v1/projects/demo/ansible"
PLAYBOOK = "- hosts: all\n  tasks:\n    - ping:\n"
INI = "web1\n[db]\ndb[01:02].example port=5432\n[all:children]\ndb\n[db:vars]\nport=1\n"


@pytest.fixture
async def project(make: Factory) -> Project:
    return await make.project("demo")


@pytest.fixture
async def ada(make: Factory, sign_in: SignIn, project: Project) -> httpx.AsyncClient:
    user = await make.user("ada")
    await make.member(project, user, Role.DEVELOPER)
    return await sign_in(user)


async def create(
    client: httpx.AsyncClient, kind: str = "playbooks", status: int = 201, **fields: Any
) -> Any:
    given = {"name": "site", "content": PLAYBOOK} | fields
    return body(await client.post(f"{URL}/{kind}", json=given), status)


class TestVersions:
    async def test_another_text_is_a_new_version_and_old_ones_stay(
        self, ada: httpx.AsyncClient
    ) -> None:
        made = await create(ada, description="all of it", message="first")
        assert (made["current_version"], made["content"]) == (1, PLAYBOOK)
        other = PLAYBOOK + "    - debug:\n"
        changes = {"content": other, "message": "second"}
        changed = body(await ada.patch(f"{URL}/playbooks/site", json=changes))
        assert (changed["current_version"], changed["description"]) == (2, "all of it")
        same = body(await ada.patch(f"{URL}/playbooks/site", json=changes))
        assert same["current_version"] == 2
        versions = body(await ada.get(f"{URL}/playbooks/site/versions"))["items"]
        assert [(each["number"], each["message"]) for each in versions] == [
            (2, "second"),
            (1, "first"),
        ]
        first = body(await ada.get(f"{URL}/playbooks/site/versions/1"))
        assert first["content"] == PLAYBOOK
        assert body(await ada.get(f"{URL}/playbooks/site"))["content"] == other
        missing = await ada.get(f"{URL}/playbooks/site/versions/3")
        assert_problem(missing, 404, "ansible_version_not_found")

    async def test_kinds_have_names_of_their_own(self, ada: httpx.AsyncClient) -> None:
        await create(ada)
        await create(ada, "inventories", content="all:\n")
        taken = await ada.post(f"{URL}/playbooks", json={"name": "site", "content": PLAYBOOK})
        assert_problem(taken, 409, "ansible_name_taken")
        await create(ada, name="other")
        renamed = await ada.patch(f"{URL}/playbooks/other", json={"name": "site"})
        assert_problem(renamed, 409, "ansible_name_taken")

    async def test_what_is_deleted_is_gone_and_every_change_is_in_the_trail(
        self, ada: httpx.AsyncClient, database: Database
    ) -> None:
        await create(ada)
        await ada.patch(f"{URL}/playbooks/site", json={"description": "x"})
        body(await ada.delete(f"{URL}/playbooks/site"), 204)
        gone = await ada.get(f"{URL}/playbooks/site")
        assert_problem(gone, 404, "ansible_file_not_found")
        async with database.read() as session:
            statement = select(AuditEntry.action).where(AuditEntry.kind == "playbook")
            found = (await session.scalars(statement.order_by(AuditEntry.id))).all()
        assert found == ["ansible.create", "ansible.update", "ansible.delete"]

    async def test_a_list_costs_the_same_however_long_it_is(
        self, ada: httpx.AsyncClient, queries: Queries
    ) -> None:
        counts = []
        for name in ("a", "b"):
            await create(ada, name=name)
            with queries() as seen:
                found = body(await ada.get(f"{URL}/playbooks"))
            counts.append(len(seen))
        assert [each["name"] for each in found["items"]] == ["b", "a"]
        assert counts[0] == counts[1] <= 4
        page = body(await ada.get(f"{URL}/playbooks", params={"limit": 1}))
        after = {"limit": 1, "after": page["next"]}
        assert body(await ada.get(f"{URL}/playbooks", params=after))["items"][0]["name"] == "a"


class TestChecks:
    @pytest.mark.parametrize(
        ("content", "line"),
        [
            ("", 1),
            ("hosts: all\n", 1),
            ("- tasks: []\n", 1),
            ("- hosts: all\n  tasks: {}\n", 2),
            ("- hosts: all\n  tasks:\n    - text\n", 3),
            ("- hosts: [a\n- b: c\n", 2),
            ("- hosts: all\n\ttasks: []\n", 2),
            ("[" * 5000, 1),
        ],
    )
    async def test_what_is_no_playbook_is_refused_with_its_place(
        self, ada: httpx.AsyncClient, content: str, line: int
    ) -> None:
        given = {"name": "site", "content": content}
        answer = await ada.post(f"{URL}/playbooks", json=given)
        problem = assert_problem(answer, 422, "ansible_file_invalid")
        assert problem["errors"][0]["line"] == line
        assert body(await ada.get(f"{URL}/playbooks"))["items"] == []

    async def test_ansible_tags_and_several_plays_are_fine(self, ada: httpx.AsyncClient) -> None:
        content = (
            "- import_playbook: base.yml\n"
            "- hosts: web\n  vars:\n    key: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n"
            "  roles: [common]\n"
        )
        await create(ada, content=content)

    @pytest.mark.parametrize(
        ("format", "content"),
        [
            ("ini", "[web\n"),
            ("ini", "web[01:99999999]\n"),
            ("ini", "[web:vars]\nno value\n"),
            ("ini", "web1 'open\n"),
            ("ini", "web1 noequals\n"),
            ("yaml", "all: [a]\n"),
            ("yaml", "all:\n  things: {}\n"),
            ("yaml", "a: &a\n  children: {b: *a}\n"),
            ("yaml", "--- {}\n--- {}\n"),
        ],
    )
    async def test_what_is_no_inventory_is_refused(
        self, ada: httpx.AsyncClient, format: str, content: str
    ) -> None:
        given = {"name": "site", "content": content, "format": format}
        answer = await ada.post(f"{URL}/inventories", json=given)
        assert_problem(answer, 422, "ansible_file_invalid")

    async def test_a_change_to_nonsense_changes_nothing(self, ada: httpx.AsyncClient) -> None:
        await create(ada)
        answer = await ada.patch(f"{URL}/playbooks/site", json={"content": "- 1\n"})
        assert_problem(answer, 422, "ansible_file_invalid")
        answer = await ada.patch(f"{URL}/playbooks/site", json={"format": "ini"})
        assert_problem(answer, 422, "ansible_file_invalid")
        assert body(await ada.get(f"{URL}/playbooks/site"))["current_version"] == 1


class TestHosts:
    async def test_ini(self, ada: httpx.AsyncClient) -> None:
        await create(ada, "inventories", content=INI, format="ini")
        found = body(await ada.get(f"{URL}/inventories/site/hosts"))
        hosts = {each["name"]: each for each in found["hosts"]}
        assert set(hosts) == {"web1", "db01.example", "db02.example"}
        assert hosts["db01.example"]["groups"] == ["db"]
        assert hosts["db01.example"]["variables"] == ["port"]
        groups = {each["name"]: each for each in found["groups"]}
        assert groups["all"]["children"] == ["db"]
        assert groups["db"]["variables"] == ["port"]
        assert groups["ungrouped"]["hosts"] == ["web1"]

    async def test_yaml(self, ada: httpx.AsyncClient) -> None:
        content = (
            "all:\n  vars: {a: 1}\n  hosts:\n    one:\n    two: {b: 2}\n"
            "  children:\n    web:\n      hosts:\n        web[a:c]:\n"
        )
        await create(ada, "inventories", content=content)
        found = body(await ada.get(f"{URL}/inventories/site/hosts"))
        assert [each["name"] for each in found["hosts"]] == ["one", "two", "weba", "webb", "webc"]
        assert found["hosts"][1]["variables"] == ["b"]
        assert found["hosts"][2]["groups"] == ["web"]
        assert found["groups"][0]["children"] == ["web"]


class TestRefusals:
    async def test_strangers_learn_nothing_and_reporters_write_nothing(
        self, make: Factory, ada: httpx.AsyncClient, project: Project, sign_in: SignIn
    ) -> None:
        await create(ada)
        stranger = await sign_in(await make.user())
        assert_problem(await stranger.get(f"{URL}/playbooks/site"), 404, "project_not_found")
        user = await make.user()
        await make.member(project, user, Role.REPORTER)
        reporter = await sign_in(user)
        body(await reporter.get(f"{URL}/playbooks/site"))
        answer = await reporter.post(f"{URL}/playbooks", json={"name": "x", "content": PLAYBOOK})
        assert_problem(answer, 403, "role_too_low")
