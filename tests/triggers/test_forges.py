"""Events of GitLab and Gitea in the words of GitHub, and what is skipped."""

from typing import Any

import pytest

from app.triggers.forges import github, gitlab
from app.triggers.forges.happenings import Happening, Ignored, full_ref, wants_skip

SHA, BASE = "1" * 40, "2" * 40
PROJECT = {"path_with_namespace": "group/demo", "default_branch": "main", "web_url": "https://x"}


def happened(found: Happening | Ignored) -> Happening:
    assert isinstance(found, Happening), found
    return found


class TestGitLab:
    @pytest.mark.parametrize(
        ("kind", "ref"), [("push", "refs/heads/main"), ("tag_push", "refs/tags/v1")]
    )
    def test_pushes(self, kind: str, ref: str) -> None:
        lists: dict[str, Any] = {"added": ["a"], "modified": ["b/c"], "removed": []}
        payload = {
            "ref": ref,
            "before": BASE,
            "after": SHA,
            "checkout_sha": SHA,
            "user_username": "ada",
            "project": PROJECT,
            "commits": [{"id": SHA, "message": "Fix", **lists}],
            "total_commits_count": 1,
        }
        found = happened(gitlab.happening(kind, payload))
        assert (found.name, found.ref, found.sha, found.actor) == ("push", ref, SHA, "ada")
        assert (found.before, found.paths, found.message) == (BASE, ("a", "b/c"), "Fix")
        assert found.payload["repository"]["full_name"] == "group/demo"
        assert found.payload["head_commit"]["id"] == SHA
        more = happened(gitlab.happening(kind, {**payload, "total_commits_count": 30}))
        assert more.paths is None
        gone = gitlab.happening(kind, {**payload, "after": "0" * 40, "checkout_sha": None})
        assert gone == Ignored(f"{ref} was deleted")

    @pytest.mark.parametrize(
        ("action", "more", "ours"),
        [
            ("open", {}, "opened"),
            ("reopen", {}, "reopened"),
            ("update", {"oldrev": BASE}, "synchronize"),
            ("update", {}, "edited"),
            ("merge", {}, "closed"),
            ("close", {}, "closed"),
        ],
    )
    @pytest.mark.parametrize("source", [1, 2, None])
    def test_merge_requests(self, action: str, more: Any, ours: str, source: int | None) -> None:
        request = {
            "iid": 7,
            "action": action,
            "source_branch": "topic",
            "target_branch": "main",
            "source_project_id": source,
            "target_project_id": 1,
            "last_commit": {"id": SHA},
            "source": {"path_with_namespace": "them/demo"},
            "target": {"path_with_namespace": "group/demo"},
            **more,
        }
        payload = {"object_attributes": request, "project": PROJECT, "user": {"username": "ada"}}
        found = happened(gitlab.happening("merge_request", payload))
        assert (found.name, found.action, found.sha) == ("pull_request", ours, SHA)
        assert (found.ref, found.base_ref) == ("refs/merge-requests/7/head", "refs/heads/main")
        assert found.is_fork is (source != 1)
        assert found.payload["pull_request"]["head"]["ref"] == "topic"

    @pytest.mark.parametrize(
        ("changes", "ours"),
        [
            ({"draft": {"previous": True, "current": False}}, "ready_for_review"),
            ({"draft": {"previous": False, "current": True}}, "converted_to_draft"),
            ({"work_in_progress": {"previous": True, "current": False}}, "ready_for_review"),
            ({"labels": {"previous": [], "current": [{"title": "x"}]}}, "labeled"),
            ({"labels": {"previous": [{"title": "x"}], "current": []}}, "unlabeled"),
            ({"title": {"previous": "a", "current": "b"}}, "edited"),
            ({}, "edited"),
            (None, "edited"),
            ({"draft": 1, "labels": "x"}, "edited"),
        ],
    )
    @pytest.mark.parametrize("draft", [True, False])
    def test_an_update_says_what_changed(self, changes: Any, ours: str, draft: bool) -> None:
        request = {
            "iid": 7,
            "action": "update",
            "draft": draft,
            "target_branch": "main",
            "last_commit": {"id": SHA},
        }
        payload = {"object_attributes": request, "changes": changes, "project": PROJECT}
        found = happened(gitlab.happening("merge_request", payload))
        assert (found.action, found.payload["action"]) == (ours, ours)
        assert found.payload["pull_request"]["draft"] is draft
        pushed = {**payload, "object_attributes": {**request, "oldrev": BASE}}
        assert happened(gitlab.happening("merge_request", pushed)).action == "synchronize"

    @pytest.mark.parametrize("action", ["approved", "approval", "unapproved", "unapproval", ""])
    def test_actions_that_github_has_not_are_ignored_by_name(self, action: str) -> None:
        request = {"iid": 7, "action": action, "target_branch": "x", "last_commit": {"id": SHA}}
        found = gitlab.happening("merge_request", {"object_attributes": request})
        assert found == Ignored(f"nothing starts when a merge request has the action '{action}'")

    def test_releases(self) -> None:
        payload = {"action": "create", "tag": "v1", "commit": {"id": SHA}, "project": PROJECT}
        found = happened(gitlab.happening("release", payload))
        assert (found.name, found.action, found.ref) == ("release", "published", "refs/tags/v1")
        assert isinstance(gitlab.happening("release", {**payload, "action": "update"}), Ignored)

    def test_others_are_ignored_by_name(self) -> None:
        assert gitlab.happening("pipeline", {}) == Ignored("nothing starts on the event 'pipeline'")


class TestGitea:
    def test_synchronized_is_synchronize(self) -> None:
        side = {"ref": "main", "sha": SHA, "repo": {"full_name": "a/b"}}
        payload = {
            "action": "synchronized",
            "number": 3,
            "pull_request": {"head": side, "base": side},
        }
        found = happened(github.happening("pull_request", payload))
        assert (found.action, found.is_fork) == ("synchronize", False)

    @pytest.mark.parametrize(
        ("theirs", "ours"), [("label_updated", "labeled"), ("label_cleared", "unlabeled")]
    )
    def test_labels(self, theirs: str, ours: str) -> None:
        side = {"ref": "main", "sha": SHA, "repo": {"full_name": "a/b"}}
        payload = {"action": theirs, "number": 3, "pull_request": {"head": side, "base": side}}
        assert happened(github.happening("pull_request", payload)).action == ours

    def test_a_head_whose_repository_is_gone_is_a_fork(self) -> None:
        side = {"ref": "main", "sha": SHA, "repo": {"full_name": "a/b"}}
        payload = {
            "action": "opened",
            "number": 3,
            "pull_request": {"head": {**side, "repo": None}, "base": side},
        }
        assert happened(github.happening("pull_request", payload)).is_fork

    def test_not_all_commits_of_a_push_may_be_listed(self) -> None:
        lists: dict[str, Any] = {"added": ["a"], "modified": [], "removed": []}
        payload = {"ref": "refs/heads/x", "after": SHA, "commits": [lists]}
        assert happened(github.happening("push", payload)).paths == ("a",)
        assert happened(github.happening("push", {**payload, "total_commits": 9})).paths is None
        assert happened(github.happening("push", {**payload, "forced": True})).paths is None


@pytest.mark.parametrize(
    ("text", "skips"),
    [
        ("[skip ci]", True),
        ("Fix [ci skip]", True),
        ("Fix\n\n[No CI] later", True),
        ("[skip actions]", True),
        ("[actions skip]", True),
        ("[SKIP CI]", True),
        ("Fix\n\nskip-checks: true\n", True),
        ("Fix\n\n\nskip-checks:true", True),
        ("Fix\r\n\r\nSkip-Checks: True\r\n", True),
        ("Fix\n\nWhy\n\nSigned-off-by: Ada\nskip-checks: true", True),
        ("Fix\n\nskip-checks: true\nSigned-off-by: Ada", False),
        ("Fix\n\nskip-checks: false", False),
        ("Fix\nskip-checks: true", False),
        ("skip-checks: true", False),
        ("skip-checks: true\n\nFix", False),
        ("[skip  ci]", False),
        ("[ skip ci ]", False),
        ("(skip ci)", False),
        ("skip ci", False),
        ("", False),
        (None, False),
    ],
)
def test_what_says_that_nothing_shall_run(text: str | None, skips: bool) -> None:
    assert wants_skip(text) is skips


@pytest.mark.parametrize(
    ("given", "ref"),
    [
        ("main", "refs/heads/main"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("a..b", None),
        ("a b", None),
        ("a\x00", None),
        ("a:b", None),
        ("", None),
        (None, None),
        ("x" * 600, None),
    ],
)
def test_refs_that_git_takes(given: str | None, ref: str | None) -> None:
    assert full_ref(given) == ref
