"""Calls of webhooks: who may, what is kept, what is ignored and why."""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.clock import new_id
from app.triggers.forges import github
from app.triggers.forges.happenings import Happening, Ignored
from app.triggers.models import Forge
from tests.fixtures.answers import assert_problem, body
from tests.triggers.conftest import Place
from tests.triggers.repositories import deliver, push

CORPORA = Path(os.environ.get("ANSFLOW_CORPORA", Path(__file__).parents[3] / "shared" / "corpora"))
PAYLOADS = sorted((CORPORA / "webhooks").glob("*.json"))
SHA = "1" * 40
WRONG = "guessed"


class TestCorpus:
    @pytest.mark.skipif(not PAYLOADS, reason="the corpora are not there (ANSFLOW_CORPORA)")
    def test_it_is_there_as_a_whole(self) -> None:
        assert len(PAYLOADS) >= 29

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_every_payload_is_kept_and_becomes_an_event_or_is_ignored_with_a_reason(
        self, place: Place
    ) -> None:
        if not PAYLOADS:
            pytest.skip("the corpora are not there (ANSFLOW_CORPORA)")
        repository = await place.repository(fork_policy="run")
        for path in PAYLOADS:
            event, payload = path.name.partition(".")[0], json.loads(path.read_text())
            answer = await deliver(
                place.anybody, repository, payload, event=event, delivery_id=path.name
            )
            told = body(answer, 202)
            kept = await place.delivery(repository, told["delivery_id"])
            assert (kept["event"], kept["external_id"]) == (event, path.name)
            assert (kept["status"], bool(kept["reason"])) in (
                ("queued", False),
                ("ignored", True),
            ), path.name

    @pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.name)
    def test_each_means_what_it_says(self, path: Path) -> None:
        event, payload = path.name.partition(".")[0], json.loads(path.read_text())
        found = github.happening(event, payload)
        if event == "ping" or payload.get("deleted") or payload.get("action") == "deleted":
            assert isinstance(found, Ignored)
            return
        assert isinstance(found, Happening)
        assert (found.name, found.action) == (event, payload.get("action"))
        assert found.ref.startswith("refs/")
        assert found.actor == payload["sender"]["login"]
        if event == "push":
            assert (found.ref, found.sha) == (payload["ref"], payload["after"])
        if event == "pull_request":
            request = payload["pull_request"]
            assert found.sha == request["head"]["sha"]
            assert found.base_ref == "refs/heads/" + request["base"]["ref"]
            same = (request["head"]["repo"] or {}).get("full_name")
            assert found.is_fork is (same != request["base"]["repo"]["full_name"])
        if event in ("create", "release"):
            tag = payload.get("ref") or payload["release"]["tag_name"]
            assert found.ref == f"refs/tags/{tag}"


def signed(forge: Forge, content: bytes, secret: str) -> dict[str, str]:
    """The headers of a push as this forge sends it."""
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    match forge:
        case Forge.GITHUB:
            return {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={digest}"}
        case Forge.GITEA:
            return {"X-Gitea-Event": "push", "X-Gitea-Signature": digest}
        case Forge.FORGEJO:
            return {"X-Forgejo-Event": "push", "X-Forgejo-Signature": digest}
        case Forge.GITLAB:
            return {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secret}
    return {"X-AnsFlow-Event": "push", "X-AnsFlow-Signature-256": f"sha256={digest}"}


GITLAB_PUSH = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "before": "0" * 40,
    "after": SHA,
    "checkout_sha": SHA,
    "user_username": "ada",
    "project": {"path_with_namespace": "a/b", "default_branch": "main"},
    "commits": [],
    "total_commits_count": 0,
}


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestSignature:
    @pytest.mark.parametrize("forge", list(Forge))
    async def test_each_forge_proves_the_secret(self, place: Place, forge: Forge) -> None:
        repository = await place.repository(forge=forge.value)
        path = httpx.URL(repository["webhook_url"]).path
        payload = GITLAB_PUSH if forge is Forge.GITLAB else push(SHA)
        content = json.dumps(payload).encode()
        right = signed(forge, content, repository["webhook_secret"])
        told = body(await place.anybody.post(path, content=content, headers=right), 202)
        assert told["status"] == "queued"
        kept = await place.delivery(repository, told["delivery_id"])
        assert (kept["ref"], kept["sha"]) == ("refs/heads/main", SHA)
        assert kept["digest"] == hashlib.sha256(content).hexdigest()
        assert repository["webhook_secret"] not in json.dumps(kept)
        wrong = signed(forge, content, WRONG)
        answer = await place.anybody.post(path, content=content, headers=wrong)
        assert_problem(answer, 401, "invalid_signature")
        answer = await place.anybody.post(path, content=content)
        assert_problem(answer, 401, "invalid_signature")
        if forge is not Forge.GITLAB:
            answer = await place.anybody.post(path, content=content + b" ", headers=right)
            assert_problem(answer, 401, "invalid_signature")

    async def test_an_unknown_repository_looks_like_a_wrong_signature(self, place: Place) -> None:
        repository = await place.repository()
        wrong = await deliver(place.anybody, repository, push(SHA), secret=WRONG)
        unknown = {**repository, "webhook_url": f"http://x/api/v1/hooks/{new_id()}"}
        other = await deliver(place.anybody, unknown, push(SHA))
        assert_problem(wrong, 401, "invalid_signature")
        assert wrong.json() | {"request_id": ""} == other.json() | {"request_id": ""}

    async def test_a_new_secret_ends_the_old_one(self, place: Place) -> None:
        repository = await place.repository()
        path = f"{place.path}/{repository['id']}/secret"
        renewed = body(await place.owner.post(path))
        assert renewed["webhook_secret"] != repository["webhook_secret"]
        assert (await deliver(place.anybody, repository, push(SHA))).status_code == 401
        assert (await deliver(place.anybody, renewed, push(SHA))).status_code == 202


class TestDelivery:
    async def test_the_same_id_is_one_delivery(self, place: Place) -> None:
        repository = await place.repository()
        first = body(await deliver(place.anybody, repository, push(SHA), delivery_id="a"), 202)
        again = body(await deliver(place.anybody, repository, push(SHA), delivery_id="a"), 202)
        other = body(await deliver(place.anybody, repository, push(SHA), delivery_id="b"), 202)
        assert first == again != other
        listed = body(await place.owner.get(f"{place.path}/{repository['id']}/deliveries"))
        assert [each["external_id"] for each in listed["items"]] == ["b", "a"]

    async def test_a_ping_and_an_unknown_event_are_kept_with_a_reason(self, place: Place) -> None:
        repository = await place.repository()
        ping = body(await deliver(place.anybody, repository, {"zen": "x"}, event="ping"), 202)
        assert (ping["status"], ping["reason"]) == ("ignored", "ping: the webhook works")
        star = body(await deliver(place.anybody, repository, {}, event="star"), 202)
        assert (star["status"], star["reason"]) == (
            "ignored",
            "nothing starts on the event 'star'",
        )


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestBadInput:
    @pytest.mark.parametrize(
        "content",
        [b"", b"x", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a": NaN}', b"1" * 5000],
        ids=["empty", "word", "list", "text", "bytes", "deep", "NaN", "huge"],
    )
    async def test_a_body_that_is_no_object(self, place: Place, content: bytes) -> None:
        answer = await self._send(place, await place.repository(), content)
        assert_problem(answer, 400, "unreadable_payload")

    @pytest.mark.parametrize(
        "payload",
        [
            {},
            {"ref": None},
            {"ref": 1, "after": []},
            {"ref": "refs/heads/x y", "after": SHA},
            {"ref": "refs/heads/../x", "after": SHA},
            {"ref": "refs/heads/--upload-pack=x", "after": "--upload-pack=x"},
            {"ref": "refs/heads/" + "x" * 600, "after": SHA},
            {"ref": "refs/heads/x", "after": "g" * 40},
            {"ref": "refs/heads/x", "after": SHA, "commits": {"a": 1}, "sender": "\x00"},
        ],
    )
    @pytest.mark.parametrize("event", ["push", "pull_request", "release", "create", "delete"])
    async def test_payloads_that_nobody_would_send(
        self, place: Place, payload: Any, event: str
    ) -> None:
        repository = await place.repository()
        for given in (payload, {event: payload, "number": "1", "ref_type": "branch", **payload}):
            told = body(await deliver(place.anybody, repository, given, event=event), 202)
            assert told["status"] == "queued" or told["reason"]

    async def test_half_a_surrogate_can_be_stored(self, place: Place) -> None:
        content = b'{"ref": "refs/heads/main", "after": "' + SHA.encode() + b'", "x": "\\ud800"}'
        answer = await self._send(place, await place.repository(), content)
        assert body(answer, 202)["status"] == "queued"

    async def test_a_form_with_a_payload(self, place: Place) -> None:
        content = str(httpx.QueryParams({"payload": json.dumps(push(SHA))})).encode()
        answer = await self._send(
            place,
            await place.repository(),
            content,
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert body(answer, 202)["status"] == "queued"

    async def test_a_body_that_is_too_large_is_not_read(self, place: Place) -> None:
        repository = await place.repository()
        answer = await self._send(place, repository, b" " * (16 * 1024 * 1024 + 1))
        assert_problem(answer, 413, "payload_too_large")

    async def _send(
        self, place: Place, repository: Any, content: bytes, **headers: str
    ) -> httpx.Response:
        given = signed(Forge.GITHUB, content, repository["webhook_secret"]) | headers
        path = httpx.URL(repository["webhook_url"]).path
        return await place.anybody.post(path, content=content, headers=given)
