"""`ansflow lint`: findings with their place, exit codes."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.pipelines.bad_files import BAD_FILES, BadFile

GOOD = "steps:\n  - run: echo hello\n"
BAD = "jobs:\n  a:\n    runs-on: gpu\n    needs: b\n    steps:\n      - run: echo\n"
NOTICE = "permissions: read-all\n" + GOOD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "bad.yml").write_text(BAD)
    (tmp_path / "notice.yml").write_text(NOTICE)
    return tmp_path


def test_a_good_file_is_0(folder: Path, invoke: Invoke) -> None:
    result = invoke("lint", "good.yml")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "1 file checked: nothing found" in result.stderr


def test_an_error_is_2_with_its_place(folder: Path, invoke: Invoke) -> None:
    result = invoke("lint", "good.yml", "bad.yml")
    assert result.exit_code == 2
    assert result.stdout.startswith("bad.yml:4:12: error: ")
    assert "2 files checked: 1 error" in result.stderr


def test_json_lists_every_finding(folder: Path, invoke: Invoke) -> None:
    result = invoke("lint", "--format", "json", "bad.yml", "notice.yml")
    assert result.exit_code == 2
    findings = json.loads(result.stdout)
    assert {found["path"] for found in findings} == {"bad.yml", "notice.yml"}
    for found in findings:
        assert list(found) == ["path", "line", "column", "severity", "code", "message"]
    assert [each["severity"] for each in findings] == ["error", "notice"]
    assert [each["line"] for each in findings] == [4, 1]


def test_json_of_nothing_is_an_empty_list(folder: Path, invoke: Invoke) -> None:
    assert invoke("lint", "--format", "json", "good.yml").stdout == "[]\n"


def test_notices_are_no_error(folder: Path, invoke: Invoke) -> None:
    result = invoke("lint", "notice.yml")
    assert result.exit_code == 0
    assert "notice: " in result.stdout


def test_standard_input(folder: Path, invoke: Invoke) -> None:
    assert invoke("lint", "-", input=BAD).stdout.startswith("-:4:12: error: ")


@pytest.mark.parametrize("place", [".ansflow", ".github/workflows"])
def test_a_folder_has_its_files_where_they_live(tmp_path: Path, invoke: Invoke, place: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "ci.yaml").write_text(BAD)
    (tmp_path / place / "notes.txt").write_text("no pipeline")
    for arguments in ((), (".",), (place,)):
        result = invoke("lint", *arguments)
        assert result.exit_code == 2
        assert "ci.yaml:4:12" in result.stdout
        assert "1 file checked" in result.stderr


def test_our_own_folder_goes_first(tmp_path: Path, invoke: Invoke) -> None:
    for place, text in ((".ansflow", GOOD), (".github/workflows", BAD)):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "ci.yml").write_text(text)
    assert invoke("lint").exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"steps:\n  - run: \xff\n", "2:10: error: this byte is not UTF-8"),
        (b"", "error"),
        (b"\x00\x01", "error"),
        (b"steps: [" * 5000, "error"),
        (b"a: &a [x]\n" + b"b: [" + b"*a," * 10_000, "error"),
    ],
)
def test_what_is_no_pipeline_is_a_finding(
    tmp_path: Path, invoke: Invoke, content: bytes, words: str
) -> None:
    (tmp_path / "odd.yml").write_bytes(content)
    result = invoke("lint", "odd.yml")
    assert result.exit_code == 2
    assert words in result.stdout


@pytest.mark.parametrize("command", ["lint", "run"])
@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_2_with_the_place(
    tmp_path: Path, invoke: Invoke, bad: BadFile, command: str
) -> None:
    (tmp_path / "bad.yml").write_text(bad.source)
    result = invoke(command, "bad.yml")
    assert result.exit_code == 2
    assert f"bad.yml:{bad.line}:{bad.column}: error: " in result.output
    assert bad.words in result.output


def test_a_file_of_ten_megabytes_is_a_finding(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "large.yml").write_text(GOOD + "#" * 10_000_000)
    result = invoke("lint", "large.yml")
    assert result.exit_code == 2
    assert result.stdout.startswith("large.yml:1:1: error: ")
    assert "10000027 bytes; at most 1048576" in result.stdout


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, invoke: Invoke) -> None:
    with (tmp_path / "huge.yml").open("wb") as file:
        file.truncate(20 * 1024 * 1024)
    result = invoke("lint", "huge.yml")
    assert result.exit_code == 2
    assert "over 16 MiB" in result.stderr


@pytest.mark.parametrize(
    ("argument", "words"), [("none.yml", "does not exist"), (".", "no pipeline files")]
)
def test_what_is_not_there_is_one_sentence(invoke: Invoke, argument: str, words: str) -> None:
    result = invoke("lint", argument)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_checks_of_this_project_are_a_pipeline(invoke: Invoke) -> None:
    own = Path(__file__).parents[2] / ".ansflow" / "ci.yml"
    result = invoke("lint", str(own))
    assert result.exit_code == 0
    assert "error" not in result.stdout
