"""The webhooks that AnsFlow makes, changes and removes at forges."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.jobs.catalog import InstallHook, Message, RemoveHook
from app.triggers.service import calling, hooks
from app.triggers.service.calling import ForgeUnreachable
from app.triggers.service.syncing import Surroundings
from tests.fixtures.answers import body
from tests.triggers.conftest import AROUND, Place
from tests.triggers.forge import Answer, Call, FakeForge, forge_running
from tests.triggers.test_statuses import FORGES, credential

pytestmark = pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)


@dataclass
class HooksApi:
    """The webhooks of one repository, as every forge keeps them."""

    hooks: dict[int, Any] = field(default_factory=dict)

    def answer(self, call: Call) -> Answer | None:
        path = call.path.partition("?")[0]
        if "/hooks" not in path:
            return None
        number = path.rpartition("/hooks")[2].strip("/")
        if call.method == "POST":
            id_ = max(self.hooks, default=10) + 1
            self.hooks[id_] = {**call.json, "id": id_}
            return Answer(201)
        if not number:
            return None
        if int(number) not in self.hooks:
            return Answer(404)
        if call.method == "DELETE":
            del self.hooks[int(number)]
            return Answer(204)
        assert call.method == ("PUT" if "/projects/" in path else "PATCH")
        self.hooks[int(number)] |= call.json
        return Answer()

    def secrets(self) -> list[str]:
        return [hook.get("token") or hook["config"]["secret"] for hook in self.hooks.values()]

    def urls(self) -> list[str]:
        return [hook.get("url") or hook["config"]["url"] for hook in self.hooks.values()]


class Story:
    """A project, a forge, and the messages that changes of repositories order."""

    def __init__(self, place: Place, forge: FakeForge, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.forge, self.api = place, forge, HooksApi()
        forge.api = self.api
        self.ordered: list[Message] = []

        async def keep(_: object, message: Message) -> None:
            self.ordered.append(message)

        monkeypatch.setattr(hooks, "enqueue", keep)

    async def repository(self, kind: str = "github", **fields: Any) -> Any:
        given = {"credential_id": await credential(self.place), "api_url": self.forge.url, **fields}
        return await self.place.repository(forge=kind, **given)

    async def work(self, around: Surroundings = AROUND) -> None:
        """What the workers do about the messages."""
        database, keys = self.place.database, self.place.keys
        while self.ordered:
            message = self.ordered.pop(0)
            self.forge.hooks = list(self.api.hooks.values())
            if isinstance(message, InstallHook):
                await hooks.install(database, keys, message, around=around)
            else:
                assert isinstance(message, RemoveHook)
                await hooks.remove(database, keys, message, around=around)

    async def state(self, repository: Any) -> tuple[str, Any]:
        shown = body(await self.place.owner.get(f"{self.place.path}/{repository['id']}"))
        return shown["hook_state"], shown["hook_reason"]


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with forge_running() as running:
        yield running


@pytest.fixture
def story(place: Place, forge: FakeForge, monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(place, forge, monkeypatch)


@pytest.mark.parametrize("kind", FORGES)
class TestLife:
    async def test_it_is_made_once_with_the_secret(self, story: Story, kind: str) -> None:
        repository = await story.repository(kind)
        assert repository["hook_state"] == "pending"
        (message,) = story.ordered
        await story.work()
        assert await story.state(repository) == ("installed", None)
        assert story.api.urls() == [f"http://ansflow.test/api/v1/hooks/{repository['id']}"]
        assert story.api.secrets() == [repository["webhook_secret"]]
        story.ordered.append(message)
        await story.work()
        assert len(story.api.hooks) == 1

    async def test_one_that_is_there_is_given_the_secret(self, story: Story, kind: str) -> None:
        repository = await story.repository(kind)
        url = f"http://ansflow.test/api/v1/hooks/{repository['id']}"
        story.api.hooks = {4: {"id": 4, "url": "https://other.example.com"}, 5: {"id": 5}}
        story.api.hooks[5] |= {"url": url} if kind == "gitlab" else {"config": {"url": url}}
        await story.work()
        assert await story.state(repository) == ("installed", None)
        assert set(story.api.hooks) == {4, 5}
        made = story.api.hooks[5]
        assert repository["webhook_secret"] in (
            made.get("token"),
            (made.get("config") or {}).get("secret"),
        )
        assert story.api.hooks[4] == {"id": 4, "url": "https://other.example.com"}

    async def test_the_forge_is_given_a_new_secret(self, story: Story, kind: str) -> None:
        repository = await story.repository(kind)
        await story.work()
        path = f"{story.place.path}/{repository['id']}/secret"
        renewed = body(await story.place.owner.post(path))
        assert renewed["hook_state"] == "pending"
        await story.work()
        assert await story.state(repository) == ("installed", None)
        assert story.api.secrets() == [renewed["webhook_secret"]]

    async def test_it_goes_with_the_repository(self, story: Story, kind: str) -> None:
        repository = await story.repository(kind)
        await story.work()
        story.api.hooks[99] = {"id": 99, "url": "https://other.example.com", "config": {}}
        path = f"{story.place.path}/{repository['id']}"
        assert (await story.place.owner.delete(path)).status_code == 204
        (message,) = story.ordered
        story.forge.answers = [503]
        with pytest.raises(ForgeUnreachable):
            await story.work()
        story.ordered.append(message)
        await story.work()
        assert set(story.api.hooks) == {99}
        story.ordered.append(message)
        await story.work()
        assert set(story.api.hooks) == {99}


class TestChanges:
    async def test_another_credential_makes_one_that_could_not_be_made(self, story: Story) -> None:
        repository = await story.repository()
        story.forge.answers = [200, 403]
        await story.work()
        assert (await story.state(repository))[0] == "failed"
        fields = {"name": "other", "content": {"kind": "token", "token": "better"}}
        path = f"/api/v1/projects/{story.place.project.id}/credentials"
        better = body(await story.place.owner.post(path, json=fields), 201)["id"]
        path = f"{story.place.path}/{repository['id']}"
        body(await story.place.owner.patch(path, json={"credential_id": better}))
        await story.work()
        assert await story.state(repository) == ("installed", None)
        assert story.forge.calls[-1].headers["authorization"] == "Bearer better"

    async def test_a_repository_that_moved_has_one_in_its_new_place(self, story: Story) -> None:
        repository = await story.repository()
        await story.work()
        story.forge.calls.clear()
        path = f"{story.place.path}/{repository['id']}"
        moved = {"clone_url": "https://git.example.com/new/place.git"}
        body(await story.place.owner.patch(path, json=moved))
        await story.work()
        made = [(call.method, call.path.partition("?")[0]) for call in story.forge.calls]
        assert made == [
            ("GET", "/repos/a/b/hooks"),
            ("DELETE", "/repos/a/b/hooks/11"),
            ("GET", "/repos/new/place/hooks"),
            ("POST", "/repos/new/place/hooks"),
        ]

    async def test_without_a_credential_people_make_it(self, story: Story) -> None:
        repository = await story.repository(credential_id=None)
        path = f"{story.place.path}/{repository['id']}"
        renewed = body(await story.place.owner.post(f"{path}/secret"))
        body(await story.place.owner.patch(path, json={"name": "other"}))
        assert (await story.place.owner.delete(path)).status_code == 204
        assert (renewed["hook_state"], story.ordered) == ("manual", [])

    async def test_other_changes_leave_it(self, story: Story) -> None:
        repository = await story.repository()
        await story.work()
        path = f"{story.place.path}/{repository['id']}"
        changed = body(await story.place.owner.patch(path, json={"folder": "ci"}))
        assert (changed["hook_state"], story.ordered) == ("installed", [])


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "status", "headers", "told"),
        [
            ("github", 404, {"X-OAuth-Scopes": "repo, read:org"}, "it has repo, read:org"),
            ("github", 404, {"X-OAuth-Scopes": ""}, "it has no scope"),
            ("github", 404, {}, "`admin:repo_hook`"),
            (
                "github",
                403,
                {"X-Accepted-GitHub-Permissions": "repository_hooks=write"},
                "asks for repository_hooks=write",
            ),
            ("gitlab", 403, {}, "the scope `api` and the role Maintainer"),
            ("gitea", 403, {}, "`write:repository`"),
            ("forgejo", 401, {}, "not known there, or has expired"),
        ],
    )
    async def test_they_say_what_the_token_lacks(
        self, story: Story, kind: str, status: int, headers: dict[str, str], told: str
    ) -> None:
        repository = await story.repository(kind)
        story.forge.answers, story.forge.headers = [status], headers
        await story.work()
        state, reason = await story.state(repository)
        assert (state, reason[:23]) == ("failed", f"the forge answered {status}:")
        assert told in reason
        assert "t0ken" not in reason

    async def test_one_that_is_away_is_asked_again(self, story: Story) -> None:
        repository = await story.repository()
        story.forge.answers, story.forge.headers = [403], {"Retry-After": "77"}
        with pytest.raises(ForgeUnreachable) as failure:
            await story.work()
        assert failure.value.after_s == 77
        assert (await story.state(repository))[0] == "pending"

    async def test_a_secret_that_changed_meanwhile_is_given_too(self, story: Story) -> None:
        repository = await story.repository()
        path = f"{story.place.path}/{repository['id']}/secret"
        message = story.ordered[0]

        async def renewing(request: Any, *, allow_private: bool) -> Any:
            answer = await calling.call(request, allow_private=allow_private)
            if request.method == "POST":
                renewed.append(body(await story.place.owner.post(path))["webhook_secret"])
            return answer

        renewed: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.triggers.service.hooks.call", renewing)
            with pytest.raises(ForgeUnreachable, match="changed meanwhile"):
                await story.work()
        story.ordered = [message]
        await story.work()
        assert story.api.secrets() == renewed
