"""Tags, releases, dispatches and pull requests, also those from forks."""

import pytest

from tests.fixtures.answers import body
from tests.triggers.conftest import Place
from tests.triggers.repositories import WORKFLOW, GitRepository, pull_request, push
from tests.triggers.test_syncing import FILE, handled


class TestOtherEvents:
    async def test_a_tag_and_a_release(self, place: Place, git: GitRepository) -> None:
        tagged = WORKFLOW.replace(
            "on: push", "on:\n  push:\n    tags: ['v*']\n  release:\n    types: [published]"
        )
        sha = git.commit({FILE: tagged})
        git.git("tag", "v1")
        repository = await place.repository(git.url)
        await handled(place, repository, push(sha, ref="refs/tags/v1"))
        release = {
            "action": "published",
            "release": {"tag_name": "v1"},
            "repository": {"full_name": "ansflow/demo"},
        }
        await handled(place, repository, release, "release")
        found = [(each["event"], each["ref"], each["sha"]) for each in await place.executions()]
        assert found == [("push", "refs/tags/v1", sha), ("release", "refs/tags/v1", sha)]

    async def test_a_dispatch_starts_one_file_with_inputs(
        self, place: Place, git: GitRepository
    ) -> None:
        text = WORKFLOW.replace(
            "on: push", "on:\n  workflow_dispatch:\n    inputs:\n      level: {type: number}"
        )
        sha = git.commit({FILE: text, ".github/workflows/other.yml": text})
        repository = await place.repository(git.url)
        payload = {"ref": "refs/heads/main", "workflow": FILE, "inputs": {"level": "3"}}
        await handled(place, repository, payload, "workflow_dispatch")
        (execution,) = await place.executions()
        assert (execution["inputs"], execution["sha"]) == ({"level": 3}, sha)

    async def test_a_deleted_branch_starts_nothing(self, place: Place, git: GitRepository) -> None:
        repository = await place.repository(git.url)
        payload = push("0" * 40, before="1" * 40, deleted=True)
        delivery = await handled(place, repository, payload)
        assert (delivery["status"], delivery["reason"]) == (
            "ignored",
            "refs/heads/main was deleted",
        )


class TestForks:
    async def test_their_pull_requests_use_the_file_of_the_base_and_get_no_secrets(
        self, place: Place, git: GitRepository
    ) -> None:
        base = git.commit({FILE: WORKFLOW.replace("push", "pull_request")})
        git.git("checkout", "--quiet", "-b", "theirs")
        evil = WORKFLOW.replace("push", "pull_request").replace("echo built", "echo evil")
        head = git.commit({FILE: evil})
        repository = await place.repository(git.url, fork_policy="run")
        payload = pull_request(head, base, head_repository="mallory/demo")
        await handled(place, repository, payload, "pull_request")
        (execution,) = await place.executions()
        assert (execution["sha"], execution["trusted"]) == (head, False)
        path = f"/api/v1/pipelines/{execution['pipeline_id']}/versions/1"
        assert "echo built" in body(await place.owner.get(path))["source"]

    async def test_by_default_they_wait_for_an_approval_of_each_push(
        self, place: Place, git: GitRepository
    ) -> None:
        base = git.commit({FILE: WORKFLOW.replace("push", "pull_request")})
        repository = await place.repository(git.url)
        assert repository["fork_policy"] == "approve"
        heads = []
        for action in ("opened", "synchronize"):
            heads.append(git.commit({"x": action}))
            payload = pull_request(heads[-1], base, head_repository="mallory/demo")
            delivery = await handled(
                place, repository, payload | {"action": action}, "pull_request"
            )
            assert delivery["status"] == "done"
        waiting = [(each["sha"], each["status"]) for each in await place.executions()]
        assert waiting == [(head, "waiting") for head in heads]

    @pytest.mark.parametrize(
        ("association", "author", "status"),
        [
            ("COLLABORATOR", "ada", "queued"),
            ("MEMBER", "ada", "queued"),
            ("COLLABORATOR", "mallory", "waiting"),
            ("CONTRIBUTOR", "ada", "waiting"),
            ("FIRST_TIME_CONTRIBUTOR", "ada", "waiting"),
            (None, "ada", "waiting"),
        ],
    )
    async def test_only_people_of_the_base_repository_do_not_wait(
        self,
        place: Place,
        git: GitRepository,
        association: str | None,
        author: str,
        status: str,
    ) -> None:
        sha = git.commit({FILE: WORKFLOW.replace("push", "pull_request")})
        repository = await place.repository(git.url, fork_policy="approve")
        payload = pull_request(sha, sha, head_repository="ada/demo")
        payload["pull_request"] |= {"author_association": association, "user": {"login": author}}
        await handled(place, repository, payload, "pull_request")
        (execution,) = await place.executions()
        assert (execution["status"], execution["trusted"]) == (status, False)

    async def test_a_file_that_is_not_valid_asks_nobody(
        self, place: Place, git: GitRepository
    ) -> None:
        caller = "on: pull_request\njobs:\n  outer:\n    uses: ./.github/workflows/none.yml\n"
        sha = git.commit({FILE: caller})
        repository = await place.repository(git.url)
        payload = pull_request(sha, sha, head_repository="mallory/demo")
        await handled(place, repository, payload, "pull_request")
        (execution,) = await place.executions()
        assert execution["status"] == "failure"

    async def test_they_start_nothing_unless_the_repository_says_so(
        self, place: Place, git: GitRepository
    ) -> None:
        sha = git.commit({FILE: WORKFLOW.replace("push", "pull_request")})
        repository = await place.repository(git.url, fork_policy="ignore")
        payload = pull_request(sha, sha, head_repository="mallory/demo")
        delivery = await handled(place, repository, payload, "pull_request")
        assert (delivery["status"], "fork_policy" in delivery["reason"]) == ("ignored", True)

    async def test_own_pull_requests_use_their_own_file(
        self, place: Place, git: GitRepository
    ) -> None:
        base = git.commit({"README.md": "x"})
        git.git("checkout", "--quiet", "-b", "topic")
        head = git.commit({FILE: WORKFLOW.replace("push", "pull_request")})
        repository = await place.repository(git.url)
        await handled(place, repository, pull_request(head, base), "pull_request")
        (execution,) = await place.executions()
        assert (execution["ref"], execution["trusted"]) == ("refs/pull/7/head", True)
