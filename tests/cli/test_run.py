"""`ansflow run`, as the real command: exit codes, output, cancelling, secrets."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ANSFLOW, Ansflow, clean_environment

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


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Write a pipeline file; its name."""

    def written(source: str) -> str:
        (tmp_path / "ci.yml").write_text(source)
        return "ci.yml"

    return written


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def leftovers() -> set[str]:
    """What a run may leave behind."""
    folders = (Path("/var/lib/ansflow"), Path(os.environ.get("TMPDIR", "/tmp")))  # noqa: S108
    return {
        str(path)
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if folder.name == "ansflow" or path.name.startswith("ansflow-run-")
    }


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

    def test_standard_input_and_nothing_left_behind(self, ansflow: Ansflow) -> None:
        before = leftovers()
        done = ansflow("run", "-", input="steps:\n  - run: echo hello\n")
        assert done.returncode == 0
        assert "main │ hello\n" in done.stdout
        assert leftovers() <= before

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
            (TWO_JOBS, ("--input", "x=1"), "x"),
            (TWO_JOBS, ("--workdir", "none"), "no folder"),
            (TWO_JOBS, ("--secret", "NOT_IN_THE_ENVIRONMENT"), "environment"),
        ],
        ids=["no-jobs", "tab", "unknown-action", "job", "input", "workdir", "secret"],
    )
    def test_what_is_invalid_is_2(
        self,
        ansflow: Ansflow,
        write: Callable[[str], str],
        source: str,
        arguments: tuple[str, ...],
        words: str,
    ) -> None:
        done = ansflow("run", write(source), *arguments)
        assert done.returncode == 2, done.stdout
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_file_that_is_not_there_is_2(self, ansflow: Ansflow) -> None:
        done = ansflow("run", "none.yml")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "ansflow: none.yml cannot be read: No such file or directory\n"


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


class Running:
    """A run that prints while it runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603  our own command
            [ANSFLOW, "run", *arguments],
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""

    def until(self, words: str) -> None:
        """Read up to a line with these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if words in line:
                return
        pytest.fail(f"{words!r} never came:\n{self.output}")

    def interrupt(self) -> None:
        """What Ctrl-C does: a signal to the whole group of the terminal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Read the rest; the exit code."""
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start the command in an empty folder."""
    started: list[Running] = []

    def begin(*arguments: str) -> Running:
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield begin
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()


def processes_with(marker: str) -> list[str]:
    """Processes that have this in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:
            continue
    return found


class TestCancel:
    def test_ctrl_c_cancels_and_cleans_up(
        self, start: Callable[..., Running], write: Callable[[str], str]
    ) -> None:
        marker = f"98765.{os.getpid()}"
        source = f"""\
steps:
  - run: (setsid sleep {marker} &) ; echo begun; sleep {marker}
  - run: echo cleaning up
    if: always()
  - run: echo not this
"""
        run = start(write(source))
        run.until("│ begun")
        run.interrupt()
        assert run.end() == 130
        assert "main │ cleaning up" in run.output
        assert "│ not this" not in run.output
        assert "cancelled in" in run.output
        assert processes_with(marker) == []

    def test_a_second_one_kills(
        self, start: Callable[..., Running], write: Callable[[str], str]
    ) -> None:
        source = "steps:\n  - run: trap '' TERM INT; echo begun; while true; do sleep 1; done\n"
        run = start(write(source))
        run.until("│ begun")
        run.interrupt()
        run.until("again kills")
        run.interrupt()
        assert run.end() == 130

    def test_ctrl_c_while_it_starts_ends_it(
        self, start: Callable[..., Running], write: Callable[[str], str]
    ) -> None:
        before = leftovers()
        run = start(write("steps:\n  - run: sleep 60\n"))
        run.until("started")
        run.interrupt()
        assert run.end() == 130
        assert leftovers() <= before
