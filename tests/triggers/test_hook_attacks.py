"""Calls of webhooks by people who do not have the secret, or have seen one call."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.triggers.models import Forge
from tests.fixtures.answers import assert_problem, body
from tests.triggers.conftest import Place
from tests.triggers.repositories import (
    GitRepository,
    deliver_as,
    in_words_of_gitlab,
    pull_request,
    push,
    signed_headers,
)

pytestmark = pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)

SHA, BASE = "1" * 40, "2" * 40
SIGNING = [forge for forge in Forge if forge is not Forge.GITLAB]
EVENT_HEADERS = {
    Forge.GITHUB: "X-GitHub-Event",
    Forge.GITEA: "X-Gitea-Event",
    Forge.FORGEJO: "X-Forgejo-Event",
    Forge.GENERIC: "X-AnsFlow-Event",
}


class Story:
    """One repository of some forge."""

    def __init__(self, place: Place, repository: Any) -> None:
        self.place, self.repository = place, repository
        self.secret: str = repository["webhook_secret"]
        payload = push(SHA)
        is_gitlab = repository["forge"] == "gitlab"
        self.content = json.dumps(
            in_words_of_gitlab("push", payload) if is_gitlab else payload
        ).encode()

    @classmethod
    async def of(cls, place: Place, forge: Forge) -> "Story":
        return cls(place, await place.repository(forge=forge.value, name=forge.value))

    def headers(self, content: bytes | None = None, secret: str | None = None) -> dict[str, str]:
        return signed_headers(
            self.repository["forge"], content or self.content, secret or self.secret
        )

    async def send(self, content: Any, headers: dict[str, str]) -> httpx.Response:
        path = httpx.URL(self.repository["webhook_url"]).path
        return await self.place.anybody.post(path, content=content, headers=headers)

    async def kept(self) -> list[Any]:
        path = f"{self.place.path}/{self.repository['id']}/deliveries"
        found: list[Any] = body(await self.place.owner.get(path))["items"]
        return found


@pytest.fixture(params=list(Forge))
async def story(request: pytest.FixtureRequest, place: Place) -> Story:
    return await Story.of(place, request.param)


@pytest.fixture(params=SIGNING)
async def signing(request: pytest.FixtureRequest, place: Place) -> Story:
    return await Story.of(place, request.param)


class TestProof:
    async def test_only_the_secret_of_this_repository_counts(self, story: Story) -> None:
        other = await story.place.repository(forge=story.repository["forge"], name="other")
        for secret in (other["webhook_secret"], " ", story.secret[:-1], story.secret.upper()):
            answer = await story.send(story.content, story.headers(secret=secret))
            assert_problem(answer, 401, "invalid_signature")
        assert await story.kept() == []
        assert (await story.send(story.content, story.headers())).status_code == 202

    async def test_the_proof_of_another_forge_counts_not(self, story: Story) -> None:
        own = story.repository["forge"]
        # Forgejo also sends Gitea's headers.
        related = {own} | ({"gitea"} if own == "forgejo" else set())
        for forge in {each.value for each in Forge} - related:
            headers = signed_headers(forge, story.content, story.secret)
            answer = await story.send(story.content, headers)
            assert_problem(answer, 401, "invalid_signature")
        assert await story.kept() == []

    async def test_the_signature_is_of_the_bytes_and_not_of_what_they_mean(
        self, signing: Story
    ) -> None:
        payload = json.loads(signing.content)
        for encoded in (
            json.dumps(payload, separators=(",", ":")),
            json.dumps(payload, indent=1),
            json.dumps(dict(reversed(payload.items()))),
            signing.content.decode() + "\n",
        ):
            answer = await signing.send(encoded.encode(), signing.headers())
            assert_problem(answer, 401, "invalid_signature")
        form = urlencode({"payload": signing.content.decode()}).encode()
        answer = await signing.send(
            form, signing.headers() | {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert_problem(answer, 401, "invalid_signature")

    async def test_weak_and_broken_signatures(self, place: Place) -> None:
        story = await Story.of(place, Forge.GITHUB)
        digests = {
            algorithm: hmac.new(story.secret.encode(), story.content, algorithm).hexdigest()
            for algorithm in ("sha1", "sha256")
        }
        right = "sha256=" + digests["sha256"]
        for headers in (
            {"X-Hub-Signature": "sha1=" + digests["sha1"]},
            {"X-Hub-Signature-256": "sha1=" + digests["sha1"]},
            {"X-Hub-Signature-256": digests["sha256"]},
            {"X-Hub-Signature-256": right[:-1]},
            {"X-Hub-Signature-256": right + "0"},
            {"X-Hub-Signature-256": f"{right}, {right}"},
            {"X-Hub-Signature-256": "sha256="},
            {"X-Hub-Signature-256": ""},
            {"X-Hub-Signature-256": "sha256=" + hashlib.sha256(story.content).hexdigest()},
            {"X-Hub-Signature-256": "sha256=\u00e9"},
        ):
            sent = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
            path = httpx.URL(story.repository["webhook_url"]).path
            answer = await place.anybody.post(
                path, content=story.content, headers={b"X-GitHub-Event": b"push", **sent}
            )
            assert_problem(answer, 401, "invalid_signature")
        assert await story.kept() == []


class TestReplay:
    async def test_the_same_call_again_is_the_same_delivery(self, story: Story) -> None:
        headers = story.headers()
        answers = [body(await story.send(story.content, headers), 202) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert len(await story.kept()) == 1

    async def test_without_an_id_the_same_body_is_the_same_delivery(self, story: Story) -> None:
        headers = {
            name: value
            for name, value in story.headers().items()
            if not name.endswith(("-Delivery", "-UUID"))
        }
        answers = [body(await story.send(story.content, headers), 202) for _ in range(2)]
        assert answers[0] == answers[1]
        (kept,) = await story.kept()
        assert kept["external_id"] == "sha256:" + hashlib.sha256(story.content).hexdigest()

    async def test_an_id_is_of_one_repository(self, story: Story) -> None:
        headers = story.headers()
        body(await story.send(story.content, headers), 202)
        other = Story(
            story.place,
            await story.place.repository(forge=story.repository["forge"], name="other"),
        )
        name = "X-Gitlab-Event-UUID" if "X-Gitlab-Token" in headers else None
        ids = {
            key: value for key, value in headers.items() if key.endswith("-Delivery") or key == name
        }
        told = body(await other.send(other.content, other.headers() | ids), 202)
        assert told["status"] == "queued"
        assert len(await other.kept()) == 1


class TestSize:
    @pytest.mark.parametrize("is_told", [True, False], ids=["length", "chunks"])
    async def test_25_mib_are_not_read(self, place: Place, is_told: bool) -> None:
        story = await Story.of(place, Forge.GITHUB)

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(25):
                yield b" " * (1 << 20)

        content = b" " * (25 << 20) if is_told else parts()
        answer = await story.send(content, story.headers(b"x"))
        assert_problem(answer, 413, "payload_too_large")
        assert await story.kept() == []


class TestWhatIsSent:
    async def test_a_call_without_an_event_says_what_is_missing(self, signing: Story) -> None:
        name = EVENT_HEADERS[Forge(signing.repository["forge"])]
        headers = {key: value for key, value in signing.headers().items() if key != name}
        told = body(await signing.send(signing.content, headers), 202)
        assert told["status"] == "ignored"
        assert told["reason"] == f"the call names no event (the header {name.lower()})"

    async def test_a_call_of_gitlab_without_a_kind(self, place: Place) -> None:
        story = await Story.of(place, Forge.GITLAB)
        told = body(await story.send(b"{}", story.headers()), 202)
        assert told["reason"] == "the call names no event (`object_kind` in the body)"

    async def test_a_form_is_signed_as_it_is_sent(self, place: Place) -> None:
        story = await Story.of(place, Forge.GITHUB)
        form = urlencode({"payload": story.content.decode()}).encode()
        headers = story.headers(form) | {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"
        }
        told = body(await story.send(form, headers), 202)
        (kept,) = await story.kept()
        assert (told["status"], kept["sha"]) == ("queued", SHA)
        await self._worker_reads_it_too(place, story, told)

    async def _worker_reads_it_too(self, place: Place, story: Story, told: Any) -> None:
        path = f"{place.path}/{story.repository['id']}/deliveries/{told['delivery_id']}/redeliver"
        assert body(await place.owner.post(path), 202)["status"] == "queued"

    @pytest.mark.parametrize("form", ["x=1", "payload", "payload=x", "payload=[]", "%ff=%ff"])
    async def test_a_form_without_a_payload(self, place: Place, form: str) -> None:
        story = await Story.of(place, Forge.GITHUB)
        content = form.encode()
        headers = story.headers(content) | {"Content-Type": "application/x-www-form-urlencoded"}
        assert_problem(await story.send(content, headers), 400, "unreadable_payload")

    async def test_a_deleted_branch_starts_nothing(self, story: Story) -> None:
        gone = push("0" * 40, before=BASE, deleted=True)
        told = body(await deliver_as(story.place.anybody, story.repository, gone), 202)
        assert (told["status"], told["reason"]) == ("ignored", "refs/heads/main was deleted")

    async def test_tags_and_pull_requests(self, story: Story) -> None:
        tag = push(SHA, ref="refs/tags/v1")
        body(await deliver_as(story.place.anybody, story.repository, tag), 202)
        request = pull_request(SHA, BASE)
        answer = await deliver_as(
            story.place.anybody, story.repository, request, event="pull_request"
        )
        assert body(answer, 202)["status"] == "queued"
        number = "merge-requests" if story.repository["forge"] == "gitlab" else "pull"
        found = [(each["ref"], each["sha"]) for each in await story.kept()]
        assert found == [(f"refs/{number}/7/head", SHA), ("refs/tags/v1", SHA)]


class TestPaths:
    """Files that a push does not list."""

    ONLY = "on:\n  push:\n    paths: [src/**]\nsteps:\n  - run: echo x\n"

    async def _started(self, place: Place, git: GitRepository, payload: Any, kind: str) -> int:
        repository = await place.repository(git.url, forge=kind)
        answer = body(await deliver_as(place.anybody, repository, payload), 202)
        await place.sync(answer["delivery_id"])
        return len(await place.executions())

    @pytest.mark.parametrize("kind", ["github", "gitea", "gitlab"])
    @pytest.mark.parametrize(("changed", "started"), [("src/a.py", 1), ("README.md", 0)])
    async def test_of_more_than_20_commits_are_compared(
        self, place: Place, git: GitRepository, kind: str, changed: str, started: int
    ) -> None:
        before = git.commit({".ansflow/a.yml": self.ONLY})
        git.commit({changed: "new"})
        for number in range(24):
            sha = git.commit({"notes.txt": str(number)})
        listed = [{"id": sha, "added": [], "removed": [], "modified": ["notes.txt"]}] * 20
        payload = push(sha, before=before, commits=listed)
        # GitHub lists them all; Gitea and GitLab say how many there were.
        payload |= {"total_commits": 25} if kind != "github" else {"forced": True}
        assert await self._started(place, git, payload, kind) == started

    @pytest.mark.parametrize("kind", ["github", "gitea", "gitlab"])
    @pytest.mark.parametrize("before", ["0" * 40, "9" * 40], ids=["new branch", "gone"])
    async def test_that_nobody_can_compare_count_as_changed(
        self, place: Place, git: GitRepository, kind: str, before: str
    ) -> None:
        sha = git.commit({".ansflow/a.yml": self.ONLY})
        assert await self._started(place, git, push(sha, before=before), kind) == 1

    async def test_do_not_matter_for_tags(self, place: Place, git: GitRepository) -> None:
        sha = git.commit({".ansflow/a.yml": self.ONLY})
        git.git("tag", "v1")
        listed = [{"added": [], "removed": [], "modified": ["README.md"]}]
        payload = push(sha, ref="refs/tags/v1", commits=listed)
        assert await self._started(place, git, payload, "github") == 1
