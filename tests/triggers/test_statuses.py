"""What forges are told of executions, and the webhooks that are made there."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from app.engine.states import ExecutionStatus, JobStatus
from app.executions import history
from app.executions.models import Execution, Job
from app.jobs.catalog import ReportStatus
from app.triggers.models import CommitStatus
from app.triggers.service.calling import ForgeUnreachable
from app.triggers.service.statuses import BeingTold, report
from app.triggers.service.syncing import Surroundings
from tests.fixtures.answers import body
from tests.triggers.conftest import AROUND, Place
from tests.triggers.forge import FakeForge, forge_running
from tests.triggers.repositories import WORKFLOW, GitRepository, deliver_as, push

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
        cls,
        place: Place,
        git: GitRepository,
        forge: FakeForge,
        kind: str = "github",
        text: str = WORKFLOW,
    ) -> "Started":
        sha = git.commit({".ansflow/build.yml": text})
        repository = await place.repository(
            git.url, api_url=forge.url, credential_id=await credential(place), forge=kind
        )
        answer = body(await deliver_as(place.anybody, repository, push(sha)), 202)
        await place.sync(answer["delivery_id"])
        (execution,) = await place.executions()
        # What the API was asked for while the files were read is told elsewhere.
        forge.calls.clear()
        return cls(place, execution["id"])

    async def become(self, status: ExecutionStatus) -> None:
        async with self.place.database.session() as session:
            (await session.get_one(Execution, self.id)).status = status

    async def jobs_become(self, status: JobStatus, reason: str | None) -> None:
        async with self.place.database.session() as session:
            values = {"status": status, "reason": reason}
            await session.execute(update(Job).where(Job.execution_id == self.id).values(**values))

    async def report(self, around: Surroundings = AROUND) -> None:
        message = ReportStatus(execution_id=self.id)
        await report(self.place.database, self.place.keys, message, around=around)


class TestStatus:
    @pytest.mark.parametrize("kind", FORGES)
    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_each_forge_hears_each_state_in_its_words(
        self, place: Place, git: GitRepository, forge: FakeForge, kind: str
    ) -> None:
        started = await Started.of(place, git, forge, kind)
        for status in (
            ExecutionStatus.QUEUED,
            ExecutionStatus.RUNNING,
            ExecutionStatus.SUCCESS,
            ExecutionStatus.FAILURE,
            ExecutionStatus.CANCELLED,
        ):
            await started.become(status)
            await started.report()
        assert [each["state"] for each in forge.bodies()] == [
            "pending",
            "running" if kind == "gitlab" else "pending",
            "success",
            FAILED.get(kind, "failure"),
            CANCELLED.get(kind, "error"),
        ]
        call = forge.calls[0]
        sha = git.git("rev-parse", "HEAD")
        assert call.path.endswith(f"/statuses/{sha}")
        name = call.json["name" if kind == "gitlab" else "context"]
        assert name == "ansflow/build (push)"
        assert call.json["target_url"] == f"http://ansflow.test/live#execution={started.id}"
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

    @pytest.mark.parametrize(("kind", "told"), [("github", 2), ("gitlab", 1)])
    async def test_what_it_waits_for_is_told(
        self, place: Place, git: GitRepository, forge: FakeForge, kind: str, told: int
    ) -> None:
        started = await Started.of(place, git, forge, kind)
        await started.report()
        await started.become(ExecutionStatus.WAITING)
        await started.jobs_become(JobStatus.WAITING, "waits for\n1 approval " + "x" * 200)
        await started.report()
        # GitLab refuses to hear of a state twice.
        assert len(forge.bodies()) == told
        shown = forge.bodies()[-1]["description"]
        if kind == "github":
            assert shown.startswith("#1 waiting: waits for 1 approval xxx")
            assert (len(shown), shown[-1]) == (140, "…")

    async def test_a_success_in_which_nothing_ran_says_so(
        self, place: Place, git: GitRepository, forge: FakeForge
    ) -> None:
        started = await Started.of(place, git, forge)
        await started.become(ExecutionStatus.SUCCESS)
        await started.jobs_become(JobStatus.SKIPPED, None)
        await started.report()
        assert forge.bodies()[-1]["state"] == "success"
        assert forge.bodies()[-1]["description"] == "#1 success: every job was skipped"

    async def test_a_file_that_is_not_valid_is_a_failure_with_its_line(
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
        text = WORKFLOW.replace("steps:", "stepz:")
        started = await Started.of(place, git, forge, text=text)
        assert ordered == [ReportStatus(execution_id=started.id)]
        await started.report()
        (told,) = forge.bodies()
        assert told["state"] == "failure"
        assert told["description"].startswith(
            "#1 failure: invalid_definition: .ansflow/build.yml, line 5, column 5"
        )

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
