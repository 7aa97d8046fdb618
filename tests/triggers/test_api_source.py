"""Pipeline files that the API of a forge shows; git where it does not."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.triggers.service.git import GitFailed
from app.triggers.service.syncing import Surroundings
from tests.fixtures.answers import body
from tests.triggers.conftest import Place
from tests.triggers.forge import FakeForge, forge_running
from tests.triggers.forge_contents import ContentsApi
from tests.triggers.repositories import WORKFLOW, GitRepository, deliver_as, pull_request, push
from tests.triggers.test_statuses import credential
from tests.triggers.test_syncing import FILE

pytestmark = pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)

FORGES = ("github", "gitlab", "gitea", "forgejo")
TOKEN = "t0ken"  # noqa: S105  of the fake
ON_PATHS = WORKFLOW.replace("on: push", "on:\n  push:\n    paths: [src/**]")


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with forge_running() as running:
        yield running


class Story:
    """One repository behind an API."""

    def __init__(self, place: Place, git: GitRepository, forge: FakeForge, kind: str) -> None:
        self.place, self.git, self.forge, self.kind = place, git, forge, kind
        self.api = ContentsApi("gitea" if kind == "forgejo" else kind, git, needs=TOKEN)
        forge.api = self.api

    async def repository(self, **fields: Any) -> Any:
        given = {
            "url": self.api.clone_url,
            "api_url": self.forge.url,
            "credential_id": await credential(self.place),
            "forge": self.kind,
            **fields,
        }
        return await self.place.repository(**given)

    async def handled(self, repository: Any, payload: Any, event: str = "push") -> Any:
        """Deliver, do the worker's part; the details of the delivery."""
        answer = body(await deliver_as(self.place.anybody, repository, payload, event=event), 202)
        assert answer["status"] == "queued", answer
        await self.place.sync(answer["delivery_id"])
        return await self.place.delivery(repository, answer["delivery_id"])

    def with_git(self) -> str:
        """An address that git can read too; the API has the repository under that name."""
        self.api.name = str(self.git.folder).strip("/")
        return self.git.url

    def asked(self) -> list[str]:
        return [call.path for call in self.forge.calls]


@pytest.fixture(params=FORGES)
def story(
    request: pytest.FixtureRequest, place: Place, git: GitRepository, forge: FakeForge
) -> Story:
    return Story(place, git, forge, request.param)


@pytest.fixture
def github(place: Place, git: GitRepository, forge: FakeForge) -> Story:
    return Story(place, git, forge, "github")


async def source_of(place: Place, execution: Any) -> str:
    """The text of the version that an execution runs."""
    path = f"/api/v1/executions/{execution['id']}"
    number = body(await place.owner.get(path))["version"]
    path = f"/api/v1/pipelines/{execution['pipeline_id']}/versions/{number}"
    found: str = body(await place.owner.get(path))["source"]
    return found


class TestEachForge:
    async def test_a_push_is_read_without_git(self, story: Story) -> None:
        reusable = (
            "on: workflow_call\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo a\n"
        )
        calls = "on: push\njobs:\n  call:\n    uses: ./.github/workflows/parts/a.yml\n"
        sha = story.git.commit(
            {
                FILE: WORKFLOW,
                ".github/workflows/call.yaml": calls,
                ".github/workflows/parts/a.yml": reusable,
                ".github/workflows/README.md": "no pipeline",
                ".github/CODEOWNERS": "",
            }
        )
        delivery = await story.handled(await story.repository(), push(sha))
        assert (delivery["status"], delivery["reason"]) == ("done", "started 2 of 2 pipeline files")
        paths = [each["path"] for each in delivery["results"]]
        assert paths == [FILE, ".github/workflows/call.yaml"]
        build, call = sorted(await story.place.executions(), key=lambda each: each["title"])
        assert await source_of(story.place, build) == WORKFLOW
        assert {build["sha"], call["sha"]} == {sha}
        assert all(path.startswith(("/repos/group/demo/", "/projects/")) for path in story.asked())

    async def test_own_folder_comes_first_and_a_link_is_no_file(self, story: Story) -> None:
        story.git.commit({".ansflow/own.yml": WORKFLOW, FILE: WORKFLOW})
        (story.git.folder / ".ansflow" / "link.yml").symlink_to("own.yml")
        sha = story.git.commit({})
        delivery = await story.handled(await story.repository(), push(sha))
        assert [each["path"] for each in delivery["results"]] == [".ansflow/own.yml"]

    async def test_a_repository_without_pipelines_starts_nothing(self, story: Story) -> None:
        sha = story.git.commit({"README.md": "x"})
        delivery = await story.handled(await story.repository(folder="ci/deep"), push(sha))
        assert delivery["reason"] == "started 0 of 0 pipeline files"

    @pytest.mark.parametrize("ref", ["refs/heads/topic/a", "refs/tags/v1"])
    @pytest.mark.parametrize("kind", ["github", "gitea", "forgejo"])
    async def test_a_ref_is_looked_up_where_the_event_names_no_commit(
        self, place: Place, git: GitRepository, forge: FakeForge, kind: str, ref: str
    ) -> None:
        story = Story(place, git, forge, kind)
        text = WORKFLOW.replace("on: push", "on: workflow_dispatch")
        sha = story.git.commit({FILE: text})
        story.git.git("branch", "topic/a")
        story.git.git("tag", "--annotate", "--message", "one", "v1")
        payload = {"ref": ref, "workflow": FILE, "inputs": {}}
        await story.handled(await story.repository(), payload, "workflow_dispatch")
        (execution,) = await story.place.executions()
        assert (execution["sha"], execution["ref"]) == (sha, ref)

    async def test_a_forks_pull_request_uses_the_file_of_the_base(self, story: Story) -> None:
        text = WORKFLOW.replace("push", "pull_request")
        base = story.git.commit({FILE: text})
        story.git.git("checkout", "--quiet", "-b", "theirs")
        head = story.git.commit({FILE: text.replace("echo built", "echo evil")})
        repository = await story.repository(fork_policy="run")
        payload = pull_request(head, base, head_repository="mallory/demo")
        await story.handled(repository, payload, "pull_request")
        (execution,) = await story.place.executions()
        assert (execution["sha"], execution["trusted"]) == (head, False)
        assert "echo built" in await source_of(story.place, execution)

    async def test_a_commit_may_say_that_nothing_shall_run(self, story: Story) -> None:
        sha = story.git.commit({FILE: WORKFLOW}, "Fix\n\nskip-checks: true")
        delivery = await story.handled(await story.repository(), push(sha))
        assert (delivery["status"], "[skip ci]" in delivery["reason"]) == ("ignored", True)

    @pytest.mark.parametrize(
        "content", [b"#" * ((1 << 20) + 1), b"on: push\n# \xff\n"], ids=["too large", "no text"]
    )
    async def test_a_file_that_cannot_be_read_is_an_invalid_one(
        self, story: Story, content: bytes
    ) -> None:
        sha = story.git.commit({FILE: content})
        await story.handled(await story.repository(), push(sha))
        (execution,) = await story.place.executions()
        assert execution["reason"].startswith("invalid_definition: ")


class TestChangedFiles:
    @pytest.mark.parametrize(("changed", "started"), [("src/a.py", 1), ("README.md", 0)])
    @pytest.mark.parametrize("kind", ["github", "gitlab"])
    async def test_the_api_compares_what_a_push_does_not_list(
        self,
        place: Place,
        git: GitRepository,
        forge: FakeForge,
        kind: str,
        changed: str,
        started: int,
    ) -> None:
        story = Story(place, git, forge, kind)
        before = git.commit({FILE: ON_PATHS})
        sha = git.commit({changed: "new"})
        delivery = await story.handled(await story.repository(), push(sha, before=before))
        assert delivery["status"] == "done"
        assert len(await place.executions()) == started

    @pytest.mark.parametrize(("changed", "started"), [("src/a.py", 1), ("README.md", 0)])
    async def test_those_of_a_pull_request_are_since_it_left_its_base(
        self, story: Story, changed: str, started: int
    ) -> None:
        story.git.commit(
            {FILE: WORKFLOW.replace("on: push", "on:\n  pull_request:\n    paths: [src/**]")}
        )
        story.git.git("checkout", "--quiet", "-b", "topic")
        head = story.git.commit({changed: "new"})
        story.git.git("checkout", "--quiet", "main")
        base = story.git.commit({"src/base.py": "on the base only"})
        # Gitea's API compares no files: git does.
        url = story.with_git() if story.api.kind == "gitea" else story.api.clone_url
        repository = await story.repository(url=url)
        await story.handled(repository, pull_request(head, base), "pull_request")
        assert len(await story.place.executions()) == started

    async def test_git_compares_after_a_forced_push(self, github: Story) -> None:
        github.git.commit({FILE: ON_PATHS})
        before = github.git.commit({"src/a.py": "gone later"})
        github.git.git("reset", "--quiet", "--hard", "HEAD~1")
        sha = github.git.commit({"README.md": "x"})
        repository = await github.repository(url=github.with_git())
        await github.handled(repository, push(sha, before=before, forced=True))
        assert any("/compare/" in path for path in github.asked())
        assert len(await github.place.executions()) == 1


class TestFallback:
    @pytest.mark.parametrize("statuses", [[500] * 3, [429] * 3, [401], [403], [404], [302]])
    async def test_git_is_asked_when_the_api_does_not_answer(
        self, github: Story, statuses: list[int]
    ) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        repository = await github.repository(url=github.with_git())
        github.forge.calls.clear()
        github.forge.answers = list(statuses)
        github.forge.location = f"{github.forge.url}/elsewhere"
        await github.handled(repository, push(sha))
        assert len(github.asked()) == len(statuses)
        assert len(await github.place.executions()) == 1

    async def test_a_short_pause_is_waited_for(self, github: Story) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        github.forge.answers, github.forge.headers = [429, 503], {"Retry-After": "0"}
        await github.handled(await github.repository(), push(sha))
        assert len(await github.place.executions()) == 1

    @pytest.mark.parametrize(
        ("status", "headers"),
        [
            (429, {"Retry-After": "3600"}),
            (503, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}),
        ],
        ids=["seconds", "date", "limit of GitHub"],
    )
    async def test_a_long_one_is_not(
        self, github: Story, status: int, headers: dict[str, str]
    ) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        repository = await github.repository(url=github.with_git())
        github.forge.answers, github.forge.headers = [status], headers
        await github.handled(repository, push(sha))
        assert len(github.asked()) == 1
        assert len(await github.place.executions()) == 1

    @pytest.mark.parametrize(
        "spoil",
        [
            {"git/commits": []},
            {"git/commits": {"sha": "1" * 40, "message": "another one"}},
            {"git/trees": {"truncated": True, "tree": []}},
            {"git/trees": {"tree": [{"path": "x"}]}},
            {"git/blobs": {"encoding": "base64", "content": "b24="}},
            {"git/blobs": {"encoding": "none", "content": "x"}},
            {"git/blobs": "x" * (9 << 20)},
        ],
        ids=["list", "other commit", "truncated", "entry", "other content", "encoding", "large"],
    )
    async def test_answers_that_are_not_right_are_not_believed(
        self, github: Story, spoil: Any
    ) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        github.api.spoil = spoil
        repository = await github.repository(url=github.with_git())
        await github.handled(repository, push(sha))
        (execution,) = await github.place.executions()
        assert await source_of(github.place, execution) == WORKFLOW

    async def test_when_neither_answers_both_are_told_without_the_token(
        self, github: Story
    ) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        repository = await github.repository()
        github.forge.answers = [401]
        answer = body(await deliver_as(github.place.anybody, repository, push(sha)), 202)
        with pytest.raises(GitFailed):
            await github.place.sync(answer["delivery_id"])
        shown = await github.place.delivery(repository, answer["delivery_id"])
        assert shown["status"] == "failed"
        assert "git fetch failed" in shown["reason"]
        assert "its API: the forge answered 401" in shown["reason"]
        assert TOKEN not in shown["reason"]

    async def test_private_addresses_are_not_called(self, github: Story) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        repository = await github.repository()
        answer = body(await deliver_as(github.place.anybody, repository, push(sha)), 202)
        github.forge.calls.clear()
        with pytest.raises(GitFailed, match="is not allowed here"):
            await github.place.sync(
                answer["delivery_id"], Surroundings("http://ansflow.test", allow_private=False)
            )
        assert github.asked() == []

    async def test_without_credential_and_address_git_is_asked(self, github: Story) -> None:
        sha = github.git.commit({FILE: WORKFLOW})
        repository = await github.repository(url=github.git.url, api_url=None, credential_id=None)
        await github.handled(repository, push(sha))
        assert (len(await github.place.executions()), github.asked()) == (1, [])
