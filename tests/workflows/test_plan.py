"""`ansflow plan` for files of this folder: what an event would run, and why."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import application
from tests.workflows.cases import FOLDER


def planned(name: str, *arguments: str) -> dict[str, Any]:
    path = str(FOLDER / f"{name}.yml")
    result = CliRunner().invoke(application, ["plan", path, "--format", "json", *arguments])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


PUSH = ("--event", "push", "--ref")
PULL = ("--event", "pull_request", "--ref", "refs/pull/7/merge", "--base")


@pytest.mark.parametrize(
    ("name", "arguments", "starts", "reason"),
    [
        ("event-push", (*PUSH, "refs/heads/main"), True, "line 2 matches"),
        ("event-push", (*PUSH, "refs/heads/releases/1/2"), True, "matches"),
        ("event-push", (*PUSH, "refs/heads/topic"), False, "topic"),
        ("event-push", (*PUSH, "main", "--changed", "docs/a.md"), False, "paths-ignore"),
        ("event-push", (*PUSH, "main", "--changed", "docs/a.md", "--changed", "a.py"), True, ""),
        ("event-push", ("--event", "pull_request"), False, "pull_request"),
        ("event-pull-request", (*PULL, "main", "--action", "opened"), True, ""),
        ("event-pull-request", (*PULL, "main", "--action", "closed"), False, "closed"),
        ("event-pull-request", (*PULL, "other", "--action", "opened"), False, "other"),
        ("run-name", (*PUSH, "refs/tags/v1"), True, "push"),
        ("matrix", ("--event", "schedule"), False, "schedule"),
    ],
)
def test_filters(name: str, arguments: Sequence[str], starts: bool, reason: str) -> None:
    document = planned(name, *arguments)
    assert document["starts"] is starts
    assert reason in document["reason"]
    assert bool(document["jobs"]) is starts
    if not starts and document["line"] is not None:
        assert document["line"] in (2, 3)


def test_needs_and_conditions() -> None:
    jobs = {job["key"]: job for job in planned("needs-results")["jobs"]}
    outlooks = {key: job["outlook"] for key, job in jobs.items()}
    assert outlooks == {
        "good": "now",
        "bad": "now",
        "left-out": "skipped",
        "plain": "later",
        "after-skipped": "skipped",
        "on-failure": "depends",
        "on-success": "later",
        "whatever": "later",
        "chosen": "depends",
        "not-chosen": "depends",
        "far-away": "later",
        "only-cancelled": "depends",
    }
    assert jobs["left-out"]["reason"] == "`if` on line 5 is false"
    assert jobs["plain"]["reason"] == "needs `good`, `bad` (line 6)"
    assert jobs["plain"]["needs"] == ["good", "bad"]


def test_a_known_matrix_and_one_that_is_not() -> None:
    known = planned("matrix")["jobs"]
    assert [job["matrix"] for job in known][1:3] == [
        {"os": "linux", "version": 12.5, "color": "green"},
        {"os": "mac", "version": 12.5, "color": "green"},
    ]
    unknown = {job["key"]: job for job in planned("matrix-dynamic")["jobs"]}
    assert unknown["list"]["outlook"] == "depends"
    assert "line" in unknown["list"]["reason"]
    assert unknown["list"]["kind"] == "matrix"


def test_inputs_decide() -> None:
    document = planned("environment", "--input", "where=production")
    assert [job["environment"] for job in document["jobs"]] == ["production"]
    document = planned("vars", "--var", "ENABLED=true", "--var", "REGION=north")
    assert [(job["name"], job["outlook"]) for job in document["jobs"]] == [
        ("In north", "now"),
        ("not", "skipped"),
    ]
