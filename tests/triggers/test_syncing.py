"""From a delivery to executions: what is read, stored and started."""

import uuid
from typing import Any

import pytest

from app.executions import following
from app.jobs.catalog import FollowRun
from app.jobs.outbox import Queued
from app.triggers.service.git import GitFailed
from tests.fixtures.answers import body
from tests.triggers.conftest import Place
from tests.triggers.repositories import WORKFLOW, GitRepository, deliver, pull_request, push

FILE = ".github/workflows/build.yml"
INVALID = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    stepz: []\n"


async def handled(
    place: Place, repository: Any, payload: dict[str, Any], event: str = "push"
) -> Any:
    """Deliver, do the worker's part; the details of the delivery."""
    answer = body(await deliver(place.anybody, repository, payload, event=event), 202)
    if answer["status"] == "queued":
        await place.sync(answer["delivery_id"])
    return await place.delivery(repository, answer["delivery_id"])


async def pipelines(place: Place) -> dict[str, Any]:
    """The pipelines of the project by address."""
    path = f"/api/v1/projects/{place.project.id}/pipelines"
    return {each["slug"]: each for each in body(await place.owner.get(path))["items"]}


class TestPush:
    async def test_it_makes_a_pipeline_and_starts_it(
        self, place: Place, git: GitRepository
    ) -> None:
        sha = git.commit({FILE: WORKFLOW})
        repository = await place.repository(git.url)
        delivery = await handled(place, repository, push(sha))
        assert (delivery["status"], delivery["reason"]) == (
            "done",
            "started 1 of 1 pipeline files",
        )
        (result,) = delivery["results"]
        (execution,) = await place.executions()
        assert result["execution_id"] == execution["id"]
        assert (execution["event"], execution["ref"]) == ("push", "refs/heads/main")
        assert (execution["sha"], execution["actor"]) == (sha, "ada")
        assert (execution["status"], execution["trusted"]) == ("queued", True)
        assert set(await pipelines(place)) == {"build"}

    async def test_own_folder_comes_before_that_of_github(
        self, place: Place, git: GitRepository
    ) -> None:
        sha = git.commit({".ansflow/own.yml": WORKFLOW, FILE: WORKFLOW})
        delivery = await handled(place, await place.repository(git.url), push(sha))
        assert [each["path"] for each in delivery["results"]] == [".ansflow/own.yml"]

    async def test_a_folder_may_be_chosen(self, place: Place, git: GitRepository) -> None:
        sha = git.commit({"ci/deep/own.yaml": WORKFLOW, "ci/deep/notes.txt": "", FILE: WORKFLOW})
        repository = await place.repository(git.url, folder="ci/deep")
        delivery = await handled(place, repository, push(sha))
        assert [each["path"] for each in delivery["results"]] == ["ci/deep/own.yaml"]

    async def test_the_same_message_again_starts_nothing(
        self, place: Place, git: GitRepository
    ) -> None:
        sha = git.commit({FILE: WORKFLOW})
        repository = await place.repository(git.url)
        delivery = await handled(place, repository, push(sha))
        await place.sync(delivery["id"])
        await place.reopen(delivery["id"])
        await place.sync(delivery["id"])
        assert len(await place.executions()) == 1

    async def test_redelivery_starts_it_once_more(self, place: Place, git: GitRepository) -> None:
        sha = git.commit({FILE: WORKFLOW})
        repository = await place.repository(git.url)
        delivery = await handled(place, repository, push(sha))
        path = f"{place.path}/{repository['id']}/deliveries/{delivery['id']}/redeliver"
        again = body(await place.owner.post(path), 202)
        assert (again["runs"], again["status"]) == (2, "queued")
        await place.sync(delivery["id"])
        assert len(await place.executions()) == 2
        results = (await place.delivery(repository, delivery["id"]))["results"]
        assert [each["run"] for each in results] == [1, 2]

    async def test_content_has_one_version_and_other_branches_do_not_choose_the_current_one(
        self, place: Place, git: GitRepository
    ) -> None:
        repository = await place.repository(git.url)
        first = git.commit({FILE: WORKFLOW})
        await handled(place, repository, push(first))
        same = git.commit({"README.md": "x"})
        await handled(place, repository, push(same))
        assert (await pipelines(place))["build"]["current_version"] == 1
        git.git("checkout", "--quiet", "-b", "topic")
        other = git.commit({FILE: WORKFLOW.replace("built", "topic")})
        await handled(place, repository, push(other, branch="topic"))
        assert (await pipelines(place))["build"]["current_version"] == 1
        last = (await place.executions())[-1]
        detail = body(await place.owner.get(f"/api/v1/executions/{last['id']}"))
        assert (detail["version"], detail["number"]) == (2, 3)
        git.git("checkout", "--quiet", "main")
        git.git("merge", "--quiet", "topic")
        await handled(place, repository, push(other))
        assert (await pipelines(place))["build"]["current_version"] == 2

    async def test_an_old_delivery_that_is_late_does_not_choose_the_current_version(
        self, place: Place, git: GitRepository
    ) -> None:
        repository = await place.repository(git.url)
        first = git.commit({FILE: WORKFLOW})
        late = body(await deliver(place.anybody, repository, push(first)), 202)
        second = git.commit({FILE: WORKFLOW.replace("built", "newer")})
        await handled(place, repository, push(second))
        await place.sync(late["delivery_id"])
        current = (await pipelines(place))["build"]
        assert current["current_version"] == 1
        path = f"/api/v1/pipelines/{current['id']}/versions/1"
        assert "newer" in body(await place.owner.get(path))["source"]

    async def test_local_workflows_that_it_calls_come_along(
        self, place: Place, git: GitRepository
    ) -> None:
        called = (
            "on: workflow_call\njobs:\n  inner:\n    runs-on: ubuntu-latest\n"
            "    steps:\n      - run: echo inner\n"
        )
        caller = "on: push\njobs:\n  outer:\n    uses: ./.github/workflows/called.yml\n"
        sha = git.commit({FILE: caller, ".github/workflows/called.yml": called})
        await handled(place, await place.repository(git.url), push(sha))
        (execution,) = await place.executions()
        assert (execution["status"], execution["reason"]) == ("queued", None)

    async def test_an_address_that_is_taken_is_not_taken_over(
        self, place: Place, git: GitRepository
    ) -> None:
        path = f"/api/v1/projects/{place.project.id}/pipelines"
        fields = {"slug": "build", "source": "steps:\n  - run: echo mine\n"}
        body(await place.owner.post(path, json=fields), 201)
        sha = git.commit({FILE: WORKFLOW})
        await handled(place, await place.repository(git.url), push(sha))
        assert set(await pipelines(place)) == {"build", "build-2"}

    async def test_a_repository_that_cannot_be_read_is_told(
        self, place: Place, git: GitRepository
    ) -> None:
        repository = await place.repository(f"{git.url}-gone")
        answer = body(await deliver(place.anybody, repository, push("1" * 40)), 202)
        with pytest.raises(GitFailed):
            await place.sync(answer["delivery_id"])
        delivery = await place.delivery(repository, answer["delivery_id"])
        assert delivery["status"] == "failed"
        assert "git fetch failed" in delivery["reason"]


class TestInvalidFile:
    async def test_it_is_an_execution_that_failed_with_line_and_column(
        self, place: Place, git: GitRepository
    ) -> None:
        sha = git.commit({FILE: INVALID, ".github/workflows/good.yml": WORKFLOW})
        delivery = await handled(place, await place.repository(git.url), push(sha))
        assert delivery["reason"] == "started 2 of 2 pipeline files"
        by_status = {each["status"]: each for each in await place.executions()}
        assert set(by_status) == {"failure", "queued"}
        failed = by_status["failure"]
        assert failed["reason"].startswith(f"invalid_definition: {FILE}, line 5, column 5")
        assert failed["finished_at"] is not None
        assert failed["sha"] == sha
        path = f"/api/v1/executions/{failed['id']}"
        assert body(await place.owner.get(path))["jobs"] == []
        events = body(await place.owner.get(f"{path}/events"))
        assert [each["data"]["status"] for each in events] == ["failure"]
        rerun = await place.owner.post(f"{path}/rerun", json={})
        assert (rerun.status_code, rerun.json()["code"]) == (422, "invalid_definition")

    @pytest.mark.parametrize(
        "content",
        [b"on: push\n# \xff\n", b"#" * ((1 << 20) + 1), b"on: [push\n", b"\x00"],
        ids=["no text", "too large", "no YAML", "NUL"],
    )
    async def test_one_that_cannot_be_read_is_too(
        self, place: Place, git: GitRepository, content: bytes
    ) -> None:
        sha = git.commit({FILE: content})
        await handled(place, await place.repository(git.url), push(sha))
        (execution,) = await place.executions()
        assert execution["status"] == "failure"
        assert execution["reason"].startswith("invalid_definition: ")

    async def test_who_waits_for_its_end_is_told(
        self, place: Place, git: GitRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[Any] = []

        async def keep(_: object, queued: list[Queued]) -> None:
            told.extend(each.message for each in queued)

        path = f"/api/v1/projects/{place.project.id}/pipelines"
        waits = "on:\n  workflow_run:\n    workflows: [build]\nsteps:\n  - run: echo x\n"
        body(await place.owner.post(path, json={"slug": "waits", "source": waits}), 201)
        monkeypatch.setattr(following, "enqueue_all", keep)
        await handled(place, await place.repository(git.url), push(git.commit({FILE: INVALID})))
        (execution,) = await place.executions()
        assert told == [FollowRun(execution_id=uuid.UUID(execution["id"]), attempt=1)]

    async def test_it_does_not_replace_the_current_version(
        self, place: Place, git: GitRepository
    ) -> None:
        repository = await place.repository(git.url)
        await handled(place, repository, push(git.commit({FILE: WORKFLOW})))
        await handled(place, repository, push(git.commit({FILE: INVALID})))
        assert (await pipelines(place))["build"]["current_version"] == 1


class TestFilters:
    async def test_branches(self, place: Place, git: GitRepository) -> None:
        only = WORKFLOW.replace("on: push", "on:\n  push:\n    branches: [release/**]")
        sha = git.commit({FILE: only})
        repository = await place.repository(git.url)
        delivery = await handled(place, repository, push(sha))
        assert "branch 'main' does not match" in delivery["results"][0]["reason"]
        await handled(place, repository, push(sha, branch="release/1"))
        (execution,) = await place.executions()
        assert execution["ref"] == "refs/heads/release/1"

    async def test_paths_of_listed_commits(self, place: Place, git: GitRepository) -> None:
        only = WORKFLOW.replace("on: push", "on:\n  push:\n    paths: [src/**]")
        sha = git.commit({FILE: only})
        repository = await place.repository(git.url)
        listed = {"added": [], "removed": [], "modified": ["README.md"]}
        delivery = await handled(place, repository, push(sha, commits=[listed]))
        assert "changed files matches 'paths'" in delivery["results"][0]["reason"]
        listed["added"] = ["src/a.py"]
        await handled(place, repository, push(sha, commits=[listed]))
        assert len(await place.executions()) == 1

    @pytest.mark.parametrize(("changed", "started"), [("src/a.py", 1), ("README.md", 0)])
    async def test_paths_that_git_has_to_say(
        self, place: Place, git: GitRepository, changed: str, started: int
    ) -> None:
        only = WORKFLOW.replace("on: push", "on:\n  push:\n    paths: [src/**]")
        before = git.commit({FILE: only})
        sha = git.commit({changed: "new"})
        payload = push(sha, before=before, forced=True)
        await handled(place, await place.repository(git.url), payload)
        assert len(await place.executions()) == started

    @pytest.mark.parametrize(("changed", "started"), [("src/a.py", 1), ("README.md", 0)])
    async def test_paths_of_a_pull_request_are_those_since_it_left_its_base(
        self, place: Place, git: GitRepository, changed: str, started: int
    ) -> None:
        only = WORKFLOW.replace("on: push", "on:\n  pull_request:\n    paths: [src/**]")
        git.commit({FILE: only})
        git.git("checkout", "--quiet", "-b", "topic")
        head = git.commit({changed: "new"})
        git.git("checkout", "--quiet", "main")
        base = git.commit({"src/base.py": "on the base only"})
        payload = pull_request(head, base)
        await handled(place, await place.repository(git.url), payload, "pull_request")
        assert len(await place.executions()) == started

    @pytest.mark.parametrize("text", ["Fix [skip ci]", "[CI SKIP] x", "Fix\n\nskip-checks: true"])
    async def test_a_commit_may_say_that_nothing_shall_run(
        self, place: Place, git: GitRepository, text: str
    ) -> None:
        sha = git.commit({FILE: WORKFLOW}, text)
        repository = await place.repository(git.url)
        delivery = await handled(place, repository, push(sha))
        assert (delivery["status"], "[skip ci]" in delivery["reason"]) == ("ignored", True)
        head = {"id": sha, "message": text}
        answer = await deliver(place.anybody, repository, push(sha, head_commit=head))
        assert body(answer, 202)["status"] == "ignored"
        assert await place.executions() == []
