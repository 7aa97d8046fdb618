"""What cannot run here is refused with its name and place: when it is saved, linted or run."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import application
from app.pipelines.checking import inspect
from tests.workflows.cases import FOLDER, expectation, paths

REFUSED = FOLDER / "refused"
FILES = sorted(REFUSED.glob("*.yml"))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(application, list(arguments))


def errors(result: Result) -> dict[str, list[dict[str, Any]]]:
    """The errors that `lint --format json` tells, by the name of the file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.stdout):
        assert finding.keys() == {"path", "line", "column", "severity", "code", "message"}
        if finding["severity"] == "error":
            found.setdefault(Path(finding["path"]).stem, []).append(finding)
    return found


class TestLint:
    def test_a_folder_of_refused_files(self) -> None:
        result = invoke("lint", "--format", "json", str(REFUSED))
        assert result.exit_code == 2
        found = errors(result)
        for path in FILES:
            wanted = expectation(path.read_text())
            (first, *_) = found[path.stem]
            place = {name: first[name] for name in ("line", "code")}
            assert place == {name: wanted[name] for name in ("line", "code")}, path
            assert wanted.get("message", "") in first["message"]
        assert found.keys() == {path.stem for path in FILES}

    def test_the_files_that_run_have_no_error(self) -> None:
        result = invoke("lint", "--format", "json", *map(str, paths()))
        assert result.exit_code == 0
        assert errors(result) == {}

    def test_text_names_file_line_column_and_code(self) -> None:
        path = REFUSED / "near-action.yml"
        result = invoke("lint", str(path))
        assert result.exit_code == 2
        assert result.stdout.startswith(f"{path}:2:11: error: there is no action 'chekout'")
        assert result.stdout.rstrip().endswith("[unknown_action]")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_saving_is_refused_at_the_same_place(path: Path) -> None:
    definition, found = inspect(path.read_text(), {})
    assert definition is None
    first = next(each for _, each in found if each.severity == "error")
    wanted = expectation(path.read_text())
    assert (first.position.line, first.code) == (wanted["line"], wanted["code"])


def test_running_is_refused_before_anything_starts() -> None:
    result = invoke("run", str(REFUSED / "background-step.yml"))
    assert result.exit_code == 2
    assert "'background' is valid, but this installation cannot run it" in result.stderr
    assert result.stdout == ""
