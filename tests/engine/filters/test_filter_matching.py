"""Which events start a pipeline."""

import textwrap

import pytest

from app.engine.definition import Triggers
from app.engine.document import require
from app.engine.filters import EventInfo, matches


def on(text: str) -> Triggers:
    body = textwrap.indent(textwrap.dedent(text), "  ")
    return require(f"on:\n{body}\nsteps: [{{run: x}}]").on


def started(text: str, event: EventInfo) -> bool:
    return matches(on(text), event).matched


def push(ref: str, *paths: str, known: bool = True) -> EventInfo:
    return EventInfo("push", ref=ref, paths=paths if known else None)


MAIN = "refs/heads/main"
TAG = "refs/tags/v1"


class TestRefs:
    @pytest.mark.parametrize(
        ("filters", "ref", "expected"),
        [
            ("push:", MAIN, True),
            ("push:", TAG, True),
            ("push: {branches: main}", MAIN, True),
            ("push: {branches: main}", "main", True),
            ("push: {branches: main}", "refs/heads/other", False),
            ("push: {branches: main}", TAG, False),
            ("push: {branches: '**'}", TAG, False),
            ("push: {branches-ignore: main}", MAIN, False),
            ("push: {branches-ignore: main}", "refs/heads/other", True),
            ("push: {branches-ignore: main}", TAG, False),
            ("push: {tags: v*}", TAG, True),
            ("push: {tags: v*}", "refs/tags/x", False),
            ("push: {tags: v*}", MAIN, False),
            ("push: {tags-ignore: v*}", TAG, False),
            ("push: {tags-ignore: v*}", "refs/tags/x", True),
            ("push: {tags-ignore: v*}", MAIN, False),
            ("push: {branches: main, tags: v*}", MAIN, True),
            ("push: {branches: main, tags: v*}", TAG, True),
            ("push: {branches: main, tags: v*}", "refs/heads/v1", False),
            ("push: {branches: ['releases/**', '!releases/**-alpha']}", "releases/10", True),
            (
                "push: {branches: ['releases/**', '!releases/**-alpha']}",
                "releases/b/3-alpha",
                False,
            ),
        ],
    )
    def test_branches_and_tags_of_a_push(self, filters: str, ref: str, expected: bool) -> None:
        assert started(filters, push(ref)) is expected

    def test_branches_of_a_pull_request_are_its_targets(self) -> None:
        filters = "pull_request: {branches: main}"
        event = EventInfo("pull_request", "opened", ref="refs/pull/1/merge", base_ref="main")
        assert started(filters, event)
        other = EventInfo("pull_request", "opened", ref=MAIN, base_ref="refs/heads/develop")
        assert not started(filters, other)

    def test_tags_say_nothing_about_a_pull_request(self) -> None:
        event = EventInfo("pull_request", "opened", base_ref="main")
        assert started("pull_request: {tags: v*}", event)


class TestPaths:
    @pytest.mark.parametrize(
        ("filters", "paths", "expected"),
        [
            ("push: {paths: 'src/**'}", ["README.md", "src/a.py"], True),
            ("push: {paths: 'src/**'}", ["README.md"], False),
            ("push: {paths: 'src/**'}", [], False),
            ("push: {paths: ['src/**', '!src/docs/**']}", ["src/docs/a.md"], False),
            ("push: {paths: ['src/**', '!src/docs/**']}", ["src/docs/a.md", "src/a"], True),
            ("push: {paths-ignore: '**.md'}", ["a.md", "docs/b.md"], False),
            ("push: {paths-ignore: '**.md'}", ["a.md", "b.py"], True),
            ("push: {branches: main, paths: 'src/**'}", ["src/a"], True),
            ("push: {branches: other, paths: 'src/**'}", ["src/a"], False),
        ],
    )
    def test_changed_files(self, filters: str, paths: list[str], expected: bool) -> None:
        assert started(filters, push(MAIN, *paths)) is expected

    def test_unknown_changes_match(self) -> None:
        assert started("push: {paths: 'src/**'}", push(MAIN, known=False))

    def test_paths_are_not_looked_at_for_tags(self) -> None:
        assert started("push: {paths: 'src/**'}", push(TAG, "README.md"))


class TestTypes:
    @pytest.mark.parametrize(
        ("filters", "name", "action", "expected"),
        [
            ("pull_request:", "pull_request", "opened", True),
            ("pull_request:", "pull_request", "synchronize", True),
            ("pull_request:", "pull_request", "reopened", True),
            ("pull_request:", "pull_request", "labeled", False),
            ("pull_request: {types: labeled}", "pull_request", "labeled", True),
            ("pull_request: {types: labeled}", "pull_request", "opened", False),
            ("pull_request_target:", "pull_request_target", "closed", False),
            ("issues:", "issues", "labeled", True),
            ("issues: {types: [opened, edited]}", "issues", "edited", True),
            ("issues: {types: [opened, edited]}", "issues", "closed", False),
            ("repository_dispatch: {types: deploy}", "repository_dispatch", "deploy", True),
            ("repository_dispatch: {types: deploy}", "repository_dispatch", "test", False),
            ("pull_request:", "push", None, False),
        ],
    )
    def test_activity(self, filters: str, name: str, action: str | None, expected: bool) -> None:
        assert started(filters, EventInfo(name, action)) is expected


class TestOtherEvents:
    def test_the_workflow_of_workflow_run(self) -> None:
        filters = "workflow_run: {workflows: [Build], types: completed, branches: main}"
        event = EventInfo("workflow_run", "completed", ref=MAIN, workflow="Build")
        assert started(filters, event)
        assert not started(filters, EventInfo("workflow_run", "completed", workflow="Test"))
        assert not started(
            filters, EventInfo("workflow_run", "completed", ref="refs/heads/x", workflow="Build")
        )

    def test_schedule_and_manual_start_must_be_named(self) -> None:
        assert started("workflow_dispatch:", EventInfo("workflow_dispatch"))
        assert not started("push:", EventInfo("workflow_dispatch"))
        assert started("schedule: [{cron: '0 0 * * *'}]", EventInfo("schedule"))

    def test_a_file_without_on_is_started_by_hand_only(self) -> None:
        assert matches(Triggers(), EventInfo("workflow_dispatch")).matched
        assert not matches(Triggers(), push(MAIN)).matched


class TestReasons:
    @pytest.mark.parametrize(
        ("filters", "event", "reason"),
        [
            (
                "push: {branches: main}",
                push("refs/heads/x"),
                "branch 'x' does not match 'branches'",
            ),
            ("push: {branches: main}", push(TAG), "there are only filters of branches"),
            ("push: {tags-ignore: v*}", push(TAG), "tag 'v1' matches 'tags-ignore'"),
            ("push: {paths: a}", push(MAIN, "b", "c"), "none of 2 changed files matches 'paths'"),
            ("push: {paths-ignore: a}", push(MAIN, "a"), "all of 1 changed files match"),
            ("pull_request:", EventInfo("pull_request", "labeled"), "among the types by default"),
            ("create:", push(MAIN), "does not name the event 'push' (it names create)"),
        ],
    )
    def test_a_refusal_says_why(self, filters: str, event: EventInfo, reason: str) -> None:
        assert reason in matches(on(filters), event).reason

    def test_a_decision_names_the_line_of_the_file(self) -> None:
        triggers = on("create:\npush: {branches: main}")
        for ref in (MAIN, "refs/heads/x"):
            decision = matches(triggers, push(ref))
            assert "line 3" in decision.reason
            assert decision.position is not None
            assert decision.position.line == 3
