"""Repositories over HTTP, and what the server refuses to clone."""

import itertools
from typing import Any

import pytest

from app.core.db import Database
from app.projects.models import Role
from app.settings import Settings
from app.triggers.service.git import GitFailed, Remote, opened
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.triggers.conftest import Place
from tests.triggers.repositories import WORKFLOW, GitRepository
from tests.triggers.repository_rows import add_delivery, add_repository

TOKEN = "s3cret-t0ken"  # noqa: S105  of a forge that is not there
URL = "https://git.example.com/a/b.git"


class TestCrud:
    async def test_it_is_made_changed_and_deleted(self, place: Place) -> None:
        made = await place.repository()
        assert made["webhook_url"].endswith(f"/api/v1/hooks/{made['id']}")
        assert len(made["webhook_secret"]) >= 32
        path = f"{place.path}/{made['id']}"
        shown = body(await place.owner.get(path))
        assert "webhook_secret" not in shown
        assert (shown["hook_state"], shown["fork_policy"]) == ("manual", "approve")
        changed = body(await place.owner.patch(path, json={"folder": "ci", "name": "other"}))
        assert (changed["folder"], changed["name"]) == ("ci", "other")
        assert changed["clone_url"] == shown["clone_url"]
        assert (await place.owner.delete(path)).status_code == 204
        assert (await place.owner.get(path)).status_code == 404

    async def test_its_name_is_unique_in_the_project(self, place: Place) -> None:
        await place.repository()
        fields = {"name": "demo", "forge": "gitea", "clone_url": URL}
        answer = await place.owner.post(place.path, json=fields)
        assert_problem(answer, 409, "repository_name_taken")

    async def test_the_audit_trail_has_it_without_the_secret(self, place: Place) -> None:
        made = await place.repository()
        body(await place.owner.post(f"{place.path}/{made['id']}/secret"))
        trail = await place.owner.get(f"/api/v1/projects/{place.project.id}/audit")
        entries = body(trail)["items"]
        actions = [each["action"] for each in entries]
        assert actions[:2] == ["repository.rotate", "repository.create"]
        assert made["webhook_secret"] not in trail.text

    async def test_credentials_of_others_are_refused(
        self, place: Place, make: Factory, sign_in: SignIn
    ) -> None:
        user = await make.user()
        other = await make.project(members={Role.OWNER: user})
        path = f"/api/v1/projects/{other.id}/credentials"
        content = {"kind": "token", "token": "t0ken"}
        theirs = await (await sign_in(user)).post(path, json={"name": "x", "content": content})
        fields = {
            "name": "demo",
            "forge": "github",
            "clone_url": URL,
            "credential_id": body(theirs, 201)["id"],
        }
        answer = await place.owner.post(place.path, json=fields)
        assert_problem(answer, 422, "credential_not_usable")

    async def test_a_developer_sees_but_does_not_change(
        self, place: Place, make: Factory, sign_in: SignIn
    ) -> None:
        made = await place.repository()
        user = await make.user()
        await make.member(place.project, user, Role.DEVELOPER)
        client = await sign_in(user)
        path = f"{place.path}/{made['id']}"
        assert (await client.get(path)).status_code == 200
        for method, address in (("DELETE", path), ("POST", f"{path}/secret")):
            assert (await client.request(method, address)).status_code == 403


class TestLists:
    async def test_they_cost_the_same_for_any_length(
        self, place: Place, database: Database, queries: Queries
    ) -> None:
        numbers = itertools.count()
        for _ in range(3):
            row = await add_repository(database, place.project.id, name=f"demo-{next(numbers)}")
            for _ in range(3):
                await add_delivery(database, row)
        path = f"{place.path}/{row.id}/deliveries"
        for address in (place.path, path):
            with queries(max=4):
                first = body(await place.owner.get(f"{address}?limit=2"))
            assert len(first["items"]) == 2
            rest = body(await place.owner.get(f"{address}?limit=2&after={first['next']}"))
            assert (len(rest["items"]), rest["next"]) == (1, None)


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestBadInput:
    @pytest.mark.parametrize(
        "url",
        [
            "ext::sh -c 'touch /tmp/x'",
            "ext::sh%20-c%20id",
            "git://git.example.com/a",
            "ssh://git@git.example.com/a",
            "git@git.example.com:a/b",
            "-uhttps://x/y",
            "https://user:password@git.example.com/a",
            "https://token@git.example.com/a",
            "https://git.example.com/a?x=1",
            "https://git.example.com:port/a",
            "https:///a",
            "file://host/a",
            "file:///a/../b",
            "https://git.example.com/a\nb",
            "https://[::1/a",
        ],
    )
    async def test_addresses_that_are_none(self, place: Place, url: str) -> None:
        fields = {"name": "demo", "forge": "github", "clone_url": url}
        answer = await place.owner.post(place.path, json=fields)
        assert answer.status_code == 422, answer.text

    @pytest.mark.parametrize(
        "fields",
        [
            {"folder": "../x"},
            {"folder": "/x"},
            {"folder": "a/../b"},
            {"folder": "--x"},
            {"default_branch": "-x"},
            {"default_branch": "a b"},
            {"api_url": "file:///etc"},
            {"hook_state": "installed"},
            {"project_id": "01890a5d-ac96-774b-bcce-b302099a8057"},
            {"name": ""},
            {"name": "\x00"},
        ],
        ids=str,
    )
    async def test_fields_that_nobody_may_set(self, place: Place, fields: Any) -> None:
        given = {"name": "demo", "forge": "github", "clone_url": URL, **fields}
        answer = await place.owner.post(place.path, json=given)
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestPrivateAddresses:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """As they are unless an administrator allows it."""
        security = settings.security.model_copy(update={"allow_private_addresses": False})
        return settings.model_copy(update={"security": security})

    @pytest.mark.parametrize(
        "url",
        [
            "file:///srv/git/a.git",
            "http://git.example.com/a",
            "https://127.0.0.1/a",
            "https://localhost/a",
            "https://10.0.0.1:8443/a",
            "https://[::1]/a",
            "https://[::ffff:169.254.169.254]/a",
        ],
    )
    async def test_they_are_refused(self, place: Place, url: str) -> None:
        fields = {"name": "demo", "forge": "github", "clone_url": url}
        answer = await place.owner.post(place.path, json=fields)
        assert_problem(answer, 422, "address_not_allowed")
        if not url.startswith("file:"):
            fields = {"name": "demo", "forge": "github", "clone_url": URL, "api_url": url}
            answer = await place.owner.post(place.path, json=fields)
            assert_problem(answer, 422, "address_not_allowed")


class TestGit:
    @pytest.mark.parametrize("url", ["https://127.0.0.1/a", "https://localhost/a"])
    async def test_names_are_looked_up_when_they_are_called(self, url: str) -> None:
        with pytest.raises(GitFailed, match="not public"):
            async with opened(Remote(url)):
                pass

    async def test_local_files_are_refused(self, git: GitRepository) -> None:
        with pytest.raises(GitFailed, match="not allowed"):
            async with opened(Remote(git.url)):
                pass

    async def test_other_transports_are_refused_by_git_itself(self, tmp_path: Any) -> None:
        mark = tmp_path / "mark"
        url = f"ext::sh -c 'touch {mark}'"
        async with opened(Remote(url, allow_private=True)) as clone:
            with pytest.raises(GitFailed, match="not allowed"):
                await clone.fetch("refs/heads/main", None)
        assert not mark.exists()

    async def test_the_token_is_neither_in_the_clone_nor_in_what_git_says(self) -> None:
        remote = Remote("https://127.0.0.1:1/a", token=TOKEN, allow_private=True)
        async with opened(remote) as clone:
            with pytest.raises(GitFailed) as failure:
                await clone.fetch("refs/heads/main", None)
            kept = [path for path in clone.folder.rglob("*") if path.is_file()]
            assert kept
            for path in kept:
                assert b"s3cret" not in path.read_bytes()
            shown = await clone.run("config", "--list", "--local")
            assert b"xtraheader" not in shown
            folder = clone.folder
            assert (folder.parent / "config").stat().st_mode & 0o077 == 0
        assert "s3cret" not in str(failure.value)
        assert not folder.exists()

    async def test_a_link_is_no_file(self, git: GitRepository) -> None:
        git.commit({".ansflow/real.yml": WORKFLOW})
        (git.folder / ".ansflow" / "link.yml").symlink_to("/etc/passwd")
        commit = git.commit({})
        async with opened(Remote(git.url, allow_private=True)) as clone:
            await clone.fetch("refs/heads/main", commit)
            assert await clone.files(commit, (".ansflow",)) == [".ansflow/real.yml"]
            assert await clone.read(commit, ".ansflow/link.yml") is None
