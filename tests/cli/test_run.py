"""`ansflow run`, as the real command: exit codes, output, cancelling, secrets."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ansflow, Invoke

TWO_JOBS = """\
on: [push, workflow_dispatch]
jobs:
  first:
    runs-on: ubuntu-latest
    outputs: {number: "${{ steps.make.outputs.number }}"}
    steps:
      - id: make
        run: echo number=42 >> "$GITHUB_OUTPUT"
      - run: printf 'one\\ntwo without end'
  second:
    needs: first
    runs-on: [self-hosted, anything]
    steps:
      - run: echo "got ${{ needs.first.outputs.number }}"
"""
FAILING = """\
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - name: Break
        run: exit 7
      - run: echo never
  after:
    needs: test
    runs-on: ubuntu-latest
    steps: [{run: echo never}]
"""


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


class TestSuccess:
    def test_piped_output_names_job_and_step_in_order(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        done = ansflow("run", write(TWO_JOBS))
        assert done.returncode == 0, done.stderr
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        wanted = [
            "first ▶ started",
            'first ▶ Run echo number=42 >> "$GITHUB_OUTPUT"',
            "first ▶ Run printf 'one\\ntwo without end'",
            "first │ one",
            "first │ two without end",
            "second ▶ started",
            "second │ got 42",
        ]
        positions = [lines.index(line) for line in wanted]
        assert positions == sorted(positions)
        assert lines[-1].startswith("ci: success in ")
        assert "\x1b" not in done.stdout

    def test_a_job_of_a_matrix_begins_with_its_name(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        source = (
            "jobs:\n  test:\n    name: Python ${{ matrix.version }}\n    runs-on: x\n"
            "    strategy: {matrix: {version: [3.13]}}\n    steps: [{run: 'true'}]\n"
        )
        assert "test[0] ▶ started: Python 3.13\n" in ansflow("run", write(source)).stdout

    def test_json_has_every_event_and_the_result_last(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        done = ansflow("run", write(TWO_JOBS), "--json", "--event", "push")
        assert done.returncode == 0, done.stderr
        told = events(done.stdout)
        assert [each["event"] for each in told if each.get("job") == "second"] == [
            "job_started",
            "step_started",
            "log",
            "step_finished",
            "job_finished",
        ]
        result = told[-1]
        assert (result["event"], result["status"], result["exit_code"]) == ("result", "success", 0)
        assert result["jobs"]["first"]["outputs"] == {"number": "42"}
        assert [step["status"] for step in result["jobs"]["first"]["steps"]] == ["success"] * 2

    def test_inputs_event_variables_and_the_working_directory(
        self, ansflow: Ansflow, write: Callable[[str], str], tmp_path: Path
    ) -> None:
        (tmp_path / "event.json").write_text('{"inputs": {}, "sender": {"login": "ada"}}')
        source = """\
on:
  workflow_dispatch:
    inputs: {level: {type: number, required: true}}
steps:
  - uses: actions/checkout@v4
  - run: |
      echo "${{ inputs.level }} ${{ github.event.sender.login }} ${{ vars.COLOUR }}"
      echo "${{ github.event_name }} ${{ github.ref }}"
      ls
"""
        write(source)
        done = ansflow(
            "run", "ci.yml", "--json", "--input", "level=3", "--eventpath", "event.json",
            "--var", "COLOUR=green", "--ref", "main",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        texts = [each["text"] for each in events(done.stdout) if each["event"] == "log"]
        assert "3 ada green" in texts
        assert "workflow_dispatch refs/heads/main" in texts
        assert {"ci.yml", "event.json"} <= set(texts)

    def test_one_job_runs_with_those_that_it_needs(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        source = TWO_JOBS + "  third: {runs-on: x, steps: [{run: exit 1}]}\n"
        done = ansflow("run", write(source), "--json", "--job", "second")
        assert done.returncode == 0
        assert set(events(done.stdout)[-1]["jobs"]) == {"first", "second"}

    def test_standard_input_and_nothing_left_behind(self, ansflow: Ansflow, tmp_path: Path) -> None:
        done = ansflow("run", "-", input="steps:\n  - run: pwd\n", TMPDIR=str(tmp_path))
        assert done.returncode == 0
        workspace = re.search(r"main │ (/.+)\n", done.stdout)
        assert workspace
        assert not Path(workspace[1]).parents[2].exists()
        assert list(tmp_path.iterdir()) == []

    def test_configuration_of_a_server_does_not_matter(
        self, ansflow: Ansflow, write: Callable[[str], str], tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text(
            "ANSFLOW_DATABASE__URL=mysql+asyncmy://nobody@127.0.0.1:1/x\n"
            "ANSFLOW_REDIS__URL=redis://127.0.0.1:1\nANSFLOW_RABBITMQ__URL=amqp://127.0.0.1:1\n"
        )
        assert ansflow("run", write("steps:\n  - run: 'true'\n")).returncode == 0

    def test_workspaces_are_kept_on_request(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        done = ansflow("run", write("steps:\n  - run: echo kept > file\n"), "--keep-workspace")
        assert done.returncode == 0
        folder = Path(done.stderr.partition("The workspaces are in ")[2].strip())
        (kept,) = folder.rglob("file")
        assert kept.read_text() == "kept\n"
        subprocess.run(["rm", "-rf", str(folder.parent)], check=True)  # noqa: S603, S607  a test's own


class TestFailure:
    def test_a_failing_step_is_1_with_the_reason(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        done = ansflow("run", write(FAILING))
        assert done.returncode == 1
        assert "test ✘ Break" in done.stdout
        assert "exit code 7" in done.stdout
        assert "never" not in done.stdout.replace("Run echo never", "")
        assert "after ↷ skipped" in done.stdout

    @pytest.mark.parametrize(
        ("source", "arguments", "words"),
        [
            ("jobs: {}\n", (), "nothing was run"),
            ("steps:\n\t- run: x\n", (), "nothing was run"),
            ("steps:\n  - uses: someone/action@v1\n", (), "someone/action"),
            (TWO_JOBS, ("--job", "frist"), "it has first, second"),
            (TWO_JOBS, ("--input", "x"), "NAME=VALUE"),
            (TWO_JOBS, ("--workdir", "none"), "no folder"),
            (TWO_JOBS, ("--secret", "NOT_IN_THE_ENVIRONMENT"), "environment"),
        ],
        ids=["no-jobs", "tab", "unknown-action", "job", "input", "workdir", "secret"],
    )
    def test_what_is_invalid_is_2(
        self,
        invoke: Invoke,
        write: Callable[[str], str],
        source: str,
        arguments: tuple[str, ...],
        words: str,
    ) -> None:
        done = invoke("run", write(source), *arguments)
        assert done.exit_code == 2, done.stdout
        assert words in done.stderr

    def test_an_input_that_is_not_declared_is_2(
        self, ansflow: Ansflow, write: Callable[[str], str]
    ) -> None:
        done = ansflow("run", write(TWO_JOBS), "--input", "colour=red")
        assert done.returncode == 2
        assert "'colour'" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_file_that_is_not_there_is_2(self, invoke: Invoke) -> None:
        done = invoke("run", "none.yml")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "ansflow: none.yml cannot be read: No such file or directory\n"

    def test_a_job_that_runs_again_is_told_with_all_attempts(
        self, ansflow: Ansflow, write: Callable[[str], str], tmp_path: Path
    ) -> None:
        source = """\
jobs:
  flaky:
    runs-on: ubuntu-latest
    retry: {max-attempts: 2}
    steps:
      - run: echo attempt ${{ github.run_attempt }}; test -e again
      - run: echo not reached
"""
        done = ansflow("run", write(source), "--json")
        assert done.returncode == 1
        told = events(done.stdout)
        assert [each["event"] for each in told] == [
            "job_started",
            *["step_started", "log", "step_finished", "step_finished"],
            "job_restarted",
            *["step_started", "log", "step_finished", "step_finished"],
            "job_finished",
            "result",
        ]


class TestSecrets:
    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_they_reach_the_step_and_no_output(
        self, ansflow: Ansflow, write: Callable[[str], str], form: tuple[str, ...]
    ) -> None:
        source = """\
steps:
  - run: |
      echo "first is ${{ secrets.FIRST }}"; test "$SECOND" = canary-two && echo right
      echo "$SECOND" | base64
    env: {SECOND: "${{ secrets.SECOND }}"}
"""
        done = ansflow(
            "run", write(source), *form, "--secret", "FIRST=canary-one", "--secret", "SECOND",
            SECOND="canary-two",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert "right" in done.stdout
        assert "first is ***" in done.stdout
        assert "canary" not in done.stdout + done.stderr
        assert "Y2FuYXJ5" not in done.stdout
