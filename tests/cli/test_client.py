"""`ansflow up`, and the commands that talk to it over HTTP."""

import json
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from app.cli import application
from tests.cli.conftest import ANSFLOW, clean_environment

pytestmark = pytest.mark.xdist_group("cli-server")

SLOW = "steps:\n  - run: echo begun; sleep 600\n"
FAILING = "steps:\n  - run: echo before\n  - run: exit 4\n"
PICKY = """
on: {workflow_dispatch: {inputs: {color: {type: string}}}}
steps:
  - run: test ${{ inputs.color }} = green
"""
SAMPLE = "steps:\n  - run: echo this is a sample\n"


@dataclass
class Server:
    """A server that was started by `ansflow up`."""

    process: subprocess.Popen[str]
    url: str
    token: str
    data: Path
    said: str

    def __call__(self, *arguments: str, **environment: str) -> Result:
        """Run a client command against it."""
        variables = {"ANSFLOW_URL": self.url, "ANSFLOW_TOKEN": self.token, **environment}
        return CliRunner(env=variables).invoke(application, list(arguments))

    def client(self) -> httpx.Client:
        """Its administrator."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self.token}"}
        )

    def pipeline(self, slug: str, source: str) -> None:
        """A new pipeline in the project of the samples."""
        with self.client() as client:
            body = {"slug": slug, "source": source}
            assert client.post("/projects/examples/pipelines", json=body).status_code == 201


def up(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  our own command
        [ANSFLOW, "up", "--port", "0", "--data", str(folder / "data"), *arguments],
        cwd=folder,
        env={**clean_environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"{words!r} never came:\n{said}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("up")
    (folder / "examples").mkdir()
    (folder / "examples" / "sample.yml").write_text(SAMPLE)
    process = up(folder)
    said = read_until(process, "Ctrl-C stops the server")
    url = re.search(r"http://127\.0\.0\.1:\d+", said)
    token = re.search(r"ansflow_\S+", said)
    assert url
    assert token
    yield Server(process, url[0], token[0], folder, said)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "did not come to hold"
        time.sleep(0.05)


class TestUp:
    def test_the_first_start_tells_the_login_and_runs_the_samples(self, server: Server) -> None:
        assert "  user      admin\n" in server.said
        assert "main │ this is a sample" in server.said
        assert "1 of 1 sample pipelines succeeded" in server.said
        assert f"{server.url}/live" in server.said
        password = re.search(r"password  (\S+)", server.said)
        assert password
        login = httpx.post(
            f"{server.url}/api/v1/auth/login", json={"name": "admin", "password": password[1]}
        )
        assert login.status_code in {200, 201}, login.text

    def test_a_second_server_on_the_same_folder_is_refused(self, server: Server) -> None:
        done = up(server.data)
        said = done.communicate(timeout=60)[0]
        assert done.returncode == 1
        assert "in use" in said
        assert str(server.process.pid) in said

    def test_a_port_in_use_is_one_sentence(self, server: Server, tmp_path: Path) -> None:
        port = server.url.rpartition(":")[2]
        done = up(tmp_path, "--port", port)
        said = done.communicate(timeout=60)[0]
        assert done.returncode == 1
        assert said.startswith(f"ansflow: cannot listen on 127.0.0.1:{port}")

    def test_a_later_start_makes_no_login_and_runs_nothing(self, tmp_path: Path) -> None:
        for start in range(2):
            process = up(tmp_path, "--no-examples")
            said = read_until(process, "ansflow_" if start == 0 else "account")
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            said += process.stdout.read()
            assert process.wait(60) == 0
            process.stdout.close()
        assert "password" not in said
        assert "sample" not in said


class TestTrigger:
    def test_it_prints_the_id_and_with_follow_the_log(self, server: Server) -> None:
        done = server("trigger", "examples/sample", "-f")
        assert done.exit_code == 0, done.stderr
        lines = done.stdout.splitlines()
        uuid.UUID(lines[0])
        assert "this is a sample" in lines
        assert "ended: success" in done.stderr

    def test_a_failure_is_1(self, server: Server) -> None:
        server.pipeline("failing", FAILING)
        done = server("trigger", "failing", "--follow")
        assert done.exit_code == 1
        assert "before" in done.stdout.splitlines()
        assert "exit code 4" in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("nope",), "`ansflow pipelines` lists them"),
            (("examples/nope",), "`ansflow pipelines` lists them"),
            (("none/sample",), "project_not_found"),
            (("sample", "--input", "x=1"), "invalid_inputs"),
            (("sample", "--input", "x"), "NAME=VALUE"),
            (("sample", "--version", "99"), "has no version 99"),
            ((str(uuid.UUID(int=1)),), "pipeline_not_found"),
        ],
    )
    def test_a_refusal_is_one_sentence(
        self, server: Server, arguments: tuple[str, ...], words: str
    ) -> None:
        done = server("trigger", *arguments)
        assert done.exit_code in {1, 2}
        assert words in done.stderr
        assert done.stderr.startswith("ansflow: ")


class TestCancelAndLogs:
    def test_a_running_execution_is_cancelled_while_it_is_followed(self, server: Server) -> None:
        server.pipeline("slow", SLOW)
        started = server("trigger", "slow").stdout.strip()
        until(lambda: "begun" in server("logs", started).stdout)
        cancelled = server("cancel", started)
        assert (cancelled.exit_code, cancelled.stdout) == (0, f"cancelling {started}\n")
        followed = server("logs", "-f", started)
        assert followed.exit_code == 130
        assert "begun" in followed.stdout.splitlines()
        again = server("cancel", started)
        assert again.exit_code == 1
        assert "execution_finished" in again.stderr

    def test_logs_name_job_and_step(self, server: Server) -> None:
        found = json.loads(server("executions", "sample", "--json", "--limit", "1").stdout)
        done = server("logs", found[0]["id"])
        assert done.stdout.startswith(
            "==> main / Run echo this is a sample <==\nthis is a sample\n"
        )

    def test_what_is_no_id_is_one_sentence(self, server: Server) -> None:
        for command in ("logs", "cancel"):
            done = server(command, "12")
            assert done.exit_code == 1
            assert "`ansflow executions` lists them" in done.stderr


class TestRerun:
    def test_other_inputs_run_all_of_it_again(self, server: Server) -> None:
        server.pipeline("picky", PICKY)
        started = server("trigger", "picky", "-f", "--input", "color=red")
        assert started.exit_code == 1, started.output
        execution = started.stdout.splitlines()[0]
        again = server("rerun", execution, "-f", "--input", "color=green")
        assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "attempt 2"), again.output
        nothing = server("rerun", execution)
        assert nothing.exit_code == 1
        assert "nothing_to_rerun" in nothing.stderr

    def test_inputs_do_not_go_with_one_job(self, server: Server) -> None:
        refused = server("rerun", str(uuid.UUID(int=1)), "--job", "a", "--input", "color=green")
        assert (refused.exit_code, refused.stderr) == (
            2,
            "ansflow: --job and --input exclude each other\n",
        )


class TestLists:
    def test_pipelines(self, server: Server) -> None:
        lines = server("pipelines", "examples").stdout.splitlines()
        assert lines[0].split() == ["PIPELINE", "VERSION", "NAME", "ID"]
        assert any(line.startswith("examples/sample ") for line in lines)
        found = json.loads(server("pipelines", "--json").stdout)
        assert "sample" in {each["slug"] for each in found}

    def test_who_is_not_logged_in_is_told_why_nothing_is_listed(self, server: Server) -> None:
        for command in ("executions", "pipelines"):
            assert "only public projects" in server(command, ANSFLOW_TOKEN="").stderr
            assert server(command).stderr == ""

    def test_an_unknown_state_is_refused_with_the_known_ones(self, server: Server) -> None:
        result = server("executions", "--status", "done")
        assert result.exit_code == 2
        assert "timed_out" in result.stderr

    def test_executions_of_a_pipeline_and_state(self, server: Server) -> None:
        lines = server("executions", "examples/sample").stdout.splitlines()
        assert {line.split()[2] for line in lines[1:]} == {"success"}
        none = server("executions", "sample", "--status", "queued", "--json")
        assert json.loads(none.stdout) == []


class TestWorkers:
    def state(self, server: Server, wanted: str) -> str:
        """The name of the worker, once it is in this state."""
        for _ in range(300):
            (worker,) = json.loads(server("workers", "--json").stdout)
            if worker["state"] == wanted:
                return str(worker["name"])
            time.sleep(0.1)
        raise AssertionError(f"the worker is {worker['state']}, not {wanted}")

    def test_they_are_listed_drained_and_resumed(self, server: Server) -> None:
        name = self.state(server, "online")
        assert re.search(rf"{name} +online +0 ", server("workers").stdout)
        drained = server("workers", "drain", name)
        assert (drained.exit_code, drained.stdout) == (0, f"drain: {name}\n")
        assert self.state(server, "draining") == name
        assert server("workers", "resume", name).exit_code == 0
        assert self.state(server, "online") == name

    def test_one_that_is_unknown_or_not_named_is_one_sentence(self, server: Server) -> None:
        unknown = server("workers", "drain", "other")
        assert (unknown.exit_code, unknown.stdout) == (1, "")
        assert "there is no worker 'other'" in unknown.stderr
        assert server("workers", "drain").exit_code == 2


class TestConnection:
    def test_a_server_that_is_away(self, server: Server) -> None:
        done = server("pipelines", ANSFLOW_URL="http://127.0.0.1:1")
        assert done.exit_code == 1
        assert "cannot be reached" in done.stderr

    def test_an_address_that_is_none(self, server: Server) -> None:
        assert "no address" in server("pipelines", "--url", "localhost:8000").stderr

    def test_a_wrong_token(self, server: Server) -> None:
        done = server("pipelines", "--token", "ansflow_wrong")
        assert done.exit_code == 1
        assert "ANSFLOW_TOKEN" in done.stderr

    def test_something_that_is_not_ansflow(self, server: Server) -> None:
        done = server("pipelines", "--url", f"{server.url}/docs")
        assert done.exit_code == 1
        assert "ANSFLOW_URL" in done.stderr or "not_found" in done.stderr
