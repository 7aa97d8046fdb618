"""`ansflow plan`: which jobs an event would run, and why."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ansflow, Invoke

SOURCE = """\
on:
  push:
    branches: [main]
    paths: [src/**]
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [low, high], default: low}
jobs:
  build:
    runs-on: ubuntu-latest
    strategy: {matrix: {size: [small, large]}}
    steps: [{run: make}]
  deploy:
    needs: build
    if: inputs.level == 'high'
    runs-on: ubuntu-latest
    steps: [{run: make deploy}]
"""


@pytest.fixture
def plan(tmp_path: Path, invoke: Invoke) -> Any:
    (tmp_path / "ci.yml").write_text(SOURCE)

    def planned(*arguments: str) -> dict[str, Any]:
        result = invoke("plan", "ci.yml", "--format", "json", *arguments)
        assert result.exit_code == 0, result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    return planned


def test_by_hand_with_inputs(plan: Any) -> None:
    found = plan("--input", "level=high")
    assert found["starts"] is True
    outlooks = {job["key"]: job["outlook"] for job in found["jobs"]}
    assert outlooks == {"build[0]": "now", "build[1]": "now", "deploy": "later"}
    assert [job["matrix"] for job in found["jobs"][:2]] == [{"size": "small"}, {"size": "large"}]


def test_a_false_condition_says_its_line(plan: Any) -> None:
    deploy = plan()["jobs"][-1]
    assert deploy["outlook"] == "skipped"
    assert "line 15" in deploy["reason"]


@pytest.mark.parametrize(
    ("arguments", "starts", "words"),
    [
        (("--ref", "refs/heads/main", "--changed", "src/a.py"), True, "on.push"),
        (("--ref", "main"), True, "on.push"),
        (("--ref", "main", "--changed", "README.md"), False, "'paths'"),
        (("--ref", "refs/heads/feature"), False, "branch 'feature'"),
        (("--ref", "refs/tags/v1"), False, "tag 'v1'"),
    ],
)
def test_filters_decide_with_a_reason(
    plan: Any, arguments: tuple[str, ...], starts: bool, words: str
) -> None:
    found = plan("--event", "push", *arguments)
    assert found["starts"] is starts
    assert words in found["reason"]
    assert bool(found["jobs"]) is starts


def test_the_tree_shows_matrix_and_reasons(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "ci.yml").write_text(SOURCE)
    lines = invoke("plan", "ci.yml").stdout.splitlines()
    assert lines[0].startswith("ci.yml starts: ")
    assert lines[1] == "├── build (small) runs at once [size=small]"
    assert lines[3] == "└── deploy does not run (`if` on line 15 is false)"


def test_called_files_are_read_and_shown(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "called.yml").write_text(
        "on: workflow_call\njobs:\n  inner: {runs-on: x, steps: [{run: make}]}\n"
    )
    (folder / "ci.yml").write_text(
        "on: push\njobs:\n  call: {uses: ./.github/workflows/called.yml}\n"
    )
    result = invoke("plan", str(folder / "ci.yml"), "--event", "push", "--format", "json")
    (call,) = json.loads(result.stdout)["jobs"]
    assert [job["key"] for job in call["jobs"]] == ["call/inner"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--input", "level=extreme"), "level"),
        (("--input", "colour=red"), "colour"),
        (("--input", "level"), "NAME=VALUE"),
        (("--eventpath", "none.json"), "cannot be read"),
        (("--eventpath", "ci.yml"), "not JSON"),
    ],
)
def test_a_wrong_option_is_2(
    tmp_path: Path, invoke: Invoke, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "ci.yml").write_text(SOURCE)
    result = invoke("plan", "ci.yml", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_invalid_file_is_2_with_its_place(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "bad.yml").write_text("jobs:\n  a:\n    runs-on: x\n    stps: []\n")
    result = invoke("plan", "bad.yml")
    assert result.exit_code == 2
    assert "bad.yml:4:5: error: " in result.stderr
    assert "nothing was run" in result.stderr


def test_a_called_file_that_is_missing_is_2(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "ci.yml").write_text("on: push\njobs:\n  call: {uses: ./.github/workflows/x.yml}\n")
    result = invoke("plan", "ci.yml", "--event", "push")
    assert result.exit_code == 2
    assert "ci.yml:3:" in result.stderr
    assert "x.yml" in result.stderr


EVENT = """\
on:
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [low, high], default: low}
      dry: {type: boolean}
jobs:
  deploy:
    if: github.event.inputs.level == 'high' && github.event.inputs.dry == 'true'
    runs-on: x
    steps: [{run: make}]
  told:
    if: github.event.sender.login == 'ada'
    runs-on: x
    steps: [{run: make}]
"""


@pytest.mark.parametrize(
    ("options", "running"),
    [
        ((), set()),
        (("--input", "level=high", "--input", "dry=true"), {"deploy"}),
        (("--eventpath", "event.json"), {"told"}),
    ],
)
def test_the_event_has_the_inputs_as_text_and_the_payload(
    plan: Any, tmp_path: Path, options: tuple[str, ...], running: set[str]
) -> None:
    (tmp_path / "ci.yml").write_text(EVENT)
    (tmp_path / "event.json").write_text('{"sender": {"login": "ada"}}')
    found = plan(*options)
    assert {job["key"] for job in found["jobs"] if job["outlook"] == "now"} == running


@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_event_that_does_not_exist_names_a_near_one(
    command: str, invoke: Invoke, write: Any
) -> None:
    result = invoke(command, write(SOURCE), "--event", "psuh")
    assert result.exit_code == 2
    assert "'psuh' is not an event; did you mean 'push'" in result.stderr


def test_a_pipe_gets_reasons_and_matrix_to_the_end(ansflow: Ansflow, write: Any) -> None:
    values = ", ".join(f"value-{number:02}" for number in range(40))
    name = write(
        "on: push\njobs:\n  a:\n    runs-on: x\n    strategy:\n      matrix:\n        include:\n"
        f"          - {{long: '{values}'}}\n    steps: [{{run: make}}]\n"
    )
    result = ansflow("plan", name, "--event", "push", "--ref", "main", COLUMNS="40")
    assert f"[long={values}]" in result.stdout
