"""What forges are told of executions, and the webhooks that are made there."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from app.engine.states import ExecutionStatus
from app.executions import history
from app.executions.models import Execution
from app.jobs.catalog import InstallHook, ReportStatus
from app.triggers.models import CommitStatus, Repository
from app.triggers.service.calling import ForgeUnreachable
from app.triggers.service.hooks import install
from app.triggers.service.statuses import BeingTold, report
from app.triggers.service.syncing import Surroundings
from tests.fixtures.answers import body
from tests.triggers.conftest import AROUND, Place
from tests.triggers.forge import FakeForge, forge_running
from tests.triggers.repositories import WORKFLOW, GitRepository, deliver, push

FORGES = ("github", "gitea", "forgejo", "gitlab")
FAILED = {"gitlab": "failed"}
CANCELLED = {"gitlab": "canceled"}


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with forge_running() as running:
        yield running


async def credential(place: Place) -> str:
    """A token credential; its id."""
    path = f"/api/v1/projects/{place.project.id}/credentials"
    fields = {"name": "forge", "content": {"kind": "token", "token": "t0ken"}}
    found: str = body(await place.owner.post(path, json=fields), 201)["id"]
    return found


class Started:
    """An execution of a repository at a forge."""

    def __init__(self, place: Place, execution_id: str) -> None:
        self.place, self.id = place, uuid.UUID(execution_id)

    @classmethod
    async def of(
        cls, place: Place, git: GitRepository, forge: FakeForge, kind: str = "github"
    ) -> "Started":
        sha = git.commit({".ansflow/build.yml": WORKFLOW})
        repository = await place.repository(
            git.url, api_url=forge.url, credential_id=await credential(place), forge=kind
        )
        # Signed as GitHub does; that the forge is another one matters only for its API.
        async with place.database.session() as session:
            await session.execute(update_forge(repository["id"], "github"))
        answer = body(await deliver(place.anybody, repository, push(sha)), 202)
        await place.sync(answer["delivery_id"])
        async with place.database.session() as session:
            await session.execute(update_forge(repository["id"], kind))
        (execution,) = await place.executions()
        # What the API was asked for while the files were read is told elsewhere.
        forge.calls.clear()
        return cls(place, execution["id"])

    async def become(self, status: ExecutionStatus) -> None:
        async with self.place.database.session() as session:
            (await session.get_one(Execution, self.id)).status = status

    async def report(self, around: Surroundings = AROUND) -> None:
        message = ReportStatus(execution_id=self.id)
        await report(self.place.database, self.place.keys, message, around=around)


def update_forge(repository_id: str, kind: str) -> Any:
    """The statement that makes a repository one of another forge."""
    return update(Repository).where(Repository.id == uuid.UUID(repository_id)).values(forge=kind)


class TestStatus:
    @pytest.mark.parametrize("kind", FORGES)
    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_each_forge_hears_each_state_in_its_words(
        self, place: Place, git: GitRepository, forge: FakeForge, kind: str
    ) -> None:
        started = await Started.of(place, git, forge, kind)
        for status in (
            ExecutionStatus.QUEUED,
            ExecutionStatus.SUCCESS,
            ExecutionStatus.FAILURE,
            ExecutionStatus.CANCELLED,
        ):
            await started.become(status)
            await started.report()
        assert [each["state"] for each in forge.bodies()] == [
            "pending",
            "success",
            FAILED.get(kind, "failure"),
            CANCELLED.get(kind, "error"),
        ]
        call = forge.calls[0]
        sha = git.git("rev-parse", "HEAD")
        assert call.path.endswith(f"/statuses/{sha}")
        name = call.json["name" if kind == "gitlab" else "context"]
        assert name == "ansflow/build (push)"
        assert call.json["target_url"] == f"http://ansflow.test/api/v1/executions/{started.id}"
        assert "t0ken" in (call.headers.get("private-token") or call.headers["authorization"])

    async def test_a_change_of_an_execution_orders_a_report(
        self,
        place: Place,
        git: GitRepository,
        forge: FakeForge,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        ordered: list[Any] = []

        async def keep(_: object, message: object) -> None:
            ordered.append(message)

        monkeypatch.setattr(history, "enqueue", keep)
        started = await Started.of(place, git, forge)
        assert ordered == [ReportStatus(execution_id=started.id)]
        path = f"/api/v1/executions/{started.id}/cancel"
        assert (await place.owner.post(path)).status_code == 202
        assert ordered[1:] == [ReportStatus(execution_id=started.id)]

    async def test_the_same_state_is_told_once_and_only_the_latest(
        self, place: Place, git: GitRepository, forge: FakeForge
    ) -> None:
        started = await Started.of(place, git, forge)
        await started.become(ExecutionStatus.SUCCESS)
        for _ in range(3):
            await started.report()
        assert [each["state"] for each in forge.bodies()] == ["success"]

    async def test_a_forge_that_is_away_is_told_later(
        self, place: Place, git: GitRepository, forge: FakeForge
    ) -> None:
        started = await Started.of(place, git, forge)
        forge.answers = [503, 429]
        for _ in range(2):
            with pytest.raises(ForgeUnreachable):
                await started.report()
        await started.become(ExecutionStatus.FAILURE)
        await started.report()
        assert forge.bodies()[-1]["state"] == "failure"
        assert len(forge.bodies()) == 3

    async def test_a_forge_that_refuses_is_not_asked_for_ever(
        self, place: Place, git: GitRepository, forge: FakeForge
    ) -> None:
        started = await Started.of(place, git, forge)
        forge.answers = [401]
        await started.report()
        assert len(forge.bodies()) == 1

    async def test_two_processes_do_not_tell_at_once(
        self, place: Place, git: GitRepository, forge: FakeForge
    ) -> None:
        started = await Started.of(place, git, forge)
        async with place.database.session() as session:
            status = await session.get_one(CommitStatus, started.id)
            later = (await session.get_one(Execution, started.id)).created_at.replace(year=9000)
            status.taken_until = later
        with pytest.raises(BeingTold):
            await started.report()
        assert forge.calls == []

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_no_redirect_is_followed_and_no_private_address_called(
        self, place: Place, git: GitRepository, forge: FakeForge
    ) -> None:
        started = await Started.of(place, git, forge)
        await started.report(Surroundings("http://ansflow.test", allow_private=False))
        assert forge.calls == []
        forge.answers, forge.location = [302], f"{forge.url}/elsewhere"
        await started.report()
        assert len(forge.calls) == 1


class TestWebhookAtTheForge:
    @pytest.mark.parametrize("kind", FORGES)
    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_it_is_made_once_with_the_secret(
        self, place: Place, forge: FakeForge, kind: str
    ) -> None:
        repository = await self._repository(place, forge, kind)
        assert repository["hook_state"] == "pending"
        await self._install(place, repository)
        assert await self._state(place, repository) == ("installed", None)
        (made,) = forge.bodies()
        config = made if kind == "gitlab" else made["config"]
        secret = made["token"] if kind == "gitlab" else config["secret"]
        assert config["url"] == f"http://ansflow.test/api/v1/hooks/{repository['id']}"
        assert secret == repository["webhook_secret"]
        await self._install(place, repository)
        assert len(forge.bodies()) == 1

    async def test_one_that_is_there_is_not_made_again(
        self, place: Place, forge: FakeForge
    ) -> None:
        repository = await self._repository(place, forge, "gitea")
        forge.hooks = [{"config": {"url": repository["webhook_url"]}}]
        url = repository["webhook_url"].partition("/api/")[0]
        message = InstallHook(repository_id=uuid.UUID(repository["id"]))
        around = Surroundings(url, allow_private=True)
        await install(place.database, place.keys, message, around=around)
        assert forge.bodies() == []
        assert await self._state(place, repository) == ("installed", None)

    async def test_a_refusal_is_shown(self, place: Place, forge: FakeForge) -> None:
        repository = await self._repository(place, forge, "github")
        forge.answers = [200, 403]
        await self._install(place, repository)
        state, reason = await self._state(place, repository)
        assert (state, reason[:28]) == ("failed", "the forge answered 403: {}"[:28])

    async def _repository(self, place: Place, forge: FakeForge, kind: str) -> Any:
        return await place.repository(
            forge=kind, api_url=forge.url, credential_id=await credential(place)
        )

    async def _install(self, place: Place, repository: Any) -> None:
        message = InstallHook(repository_id=uuid.UUID(repository["id"]))
        await install(place.database, place.keys, message, around=AROUND)

    async def _state(self, place: Place, repository: Any) -> tuple[str, Any]:
        shown = body(await place.owner.get(f"{place.path}/{repository['id']}"))
        return shown["hook_state"], shown["hook_reason"]
