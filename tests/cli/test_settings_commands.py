"""version, config, migrate, and the refusals of serve, worker and scheduler."""

import json
import shlex
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from app.core import migrate
from tests.cli.conftest import Ansflow, Invoke

DISTRIBUTED = {
    "ANSFLOW_DATABASE__URL": "mysql+asyncmy://app:canary-1@db.example:3307/ansflow",
    "ANSFLOW_REDIS__URL": "redis://:canary-2@redis.example:6379",
    "ANSFLOW_RABBITMQ__URL": "amqp://app:canary-3@mq.example/",
    "ANSFLOW_SECURITY__SECRET_KEY": "canary-4",
}


class TestVersion:
    def test_short_is_only_the_number(self, invoke: Invoke) -> None:
        number = invoke("version", "--short").output.strip()
        assert number[0].isdigit()
        assert f"ansflow {number} (" in invoke("version").output


class TestConfig:
    def test_it_says_the_mode_and_every_setting(self, invoke: Invoke) -> None:
        lines = invoke("config", ANSFLOW_SERVER__PORT="9000").output.splitlines()
        assert lines[0] == "# mode: embedded"
        assert "ANSFLOW_SERVER__PORT=9000" in lines
        assert "ANSFLOW_WORKER__CONCURRENCY=4" in lines

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_secrets_are_hidden(self, invoke: Invoke, form: str) -> None:
        result = invoke("config", "--format", form, **DISTRIBUTED)
        assert result.exit_code == 0
        assert "canary" not in result.output
        assert "distributed" in result.output
        assert "mysql+asyncmy://app:********@db.example:3307/ansflow" in result.output

    def test_json_has_the_same_values(self, invoke: Invoke) -> None:
        found = json.loads(invoke("config", "--format", "json").output)
        assert found["mode"] == "embedded"
        assert found["settings"]["ANSFLOW_WORKER__QUEUES"] == ["high", "medium", "low"]

    def test_a_dotenv_file_counts(self, invoke: Invoke, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("ANSFLOW_SERVER__PORT=9001\n")
        assert "ANSFLOW_SERVER__PORT=9001" in invoke("config").output

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("ANSFLOW_SECURITY__SECRET_KEY=canary", "ANSFLOW_SECURITY__SECRET_KEY"),
            ("A=1\nMY_PROXY=http://me:canary@proxy.example", "MY_PROXY"),
        ],
    )
    def test_secrets_in_a_dotenv_file_that_all_may_read_are_told(
        self, invoke: Invoke, tmp_path: Path, text: str, name: str
    ) -> None:
        file = tmp_path / ".env"
        file.write_text(text + "\n")
        file.chmod(0o644)
        (told,) = json.loads(invoke("config", "--format", "json").output)["warnings"]
        assert f"holds {name}:" in told
        assert f"# warning: {told}" in invoke("config").output.splitlines()
        assert "canary" not in told
        command = told.partition("Run: ")[2]
        subprocess.run(shlex.split(command), check=True)  # noqa: S603  what it says is tried
        assert file.stat().st_mode & 0o777 == 0o600
        assert json.loads(invoke("config", "--format", "json").output)["warnings"] == []

    def test_a_dotenv_file_without_secrets_may_be_read_by_all(
        self, invoke: Invoke, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("ANSFLOW_SERVER__PORT=9001\nANSFLOW_SECURITY__SECRET_KEY=\n")
        (tmp_path / ".env").chmod(0o644)
        assert json.loads(invoke("config", "--format", "json").output)["warnings"] == []

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("ANSFLOW_SERVER__PORT", "many", "ANSFLOW_SERVER__PORT"),
            ("ANSFLOW_SERVER__PORT", "70000", "65535"),
            ("ANSFLOW_REDIS__URL", "redis://x", "half configured"),
            ("ANSFLOW_WORKER__LABELS", "linux", "JSON"),
        ],
    )
    def test_a_wrong_setting_is_one_sentence(
        self, invoke: Invoke, variable: str, value: str, words: str
    ) -> None:
        result = invoke("config", **{variable: value})
        assert result.exit_code == 2
        assert result.stderr.startswith("ansflow: the settings are invalid:")
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1

    def test_a_setting_that_does_not_exist_is_not_passed_over(self, invoke: Invoke) -> None:
        result = invoke("config", ANSFLOW_SERVER__PROT="9000")
        assert result.exit_code == 2
        assert "ANSFLOW_SERVER__PROT: there is no such setting" in result.stderr


class TestMigrate:
    def test_it_makes_the_tables_and_says_so(self, invoke: Invoke, tmp_path: Path) -> None:
        missing = invoke("migrate", "--check", ANSFLOW_DATA__FOLDER=str(tmp_path))
        assert missing.exit_code == 1
        assert "run `ansflow migrate`" in missing.stderr
        for arguments in ((), (), ("--check",)):
            done = invoke("migrate", *arguments, ANSFLOW_DATA__FOLDER=str(tmp_path))
            assert done.exit_code == 0, done.stderr
            assert str(migrate.head()) in done.output
        with sqlite3.connect(tmp_path / "ansflow.db") as connection:
            assert connection.execute("SELECT count(*) FROM executions").fetchone() == (0,)
        connection.close()

    def test_a_server_that_is_away_is_one_sentence(self, invoke: Invoke) -> None:
        away = DISTRIBUTED | {"ANSFLOW_DATABASE__URL": "mysql+asyncmy://root@127.0.0.1:1/x"}
        result = invoke("migrate", **away)
        assert result.exit_code == 1
        assert "the database cannot be reached" in result.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "scheduler"])
def test_commands_of_the_distributed_mode_need_it(invoke: Invoke, command: str) -> None:
    result = invoke(command)
    assert result.exit_code == 2
    assert "ANSFLOW_DATABASE__URL" in result.stderr
    assert "ansflow up" in result.stderr


def test_an_unknown_queue_is_refused(invoke: Invoke) -> None:
    result = invoke("worker", "--queues", "high,fast", **DISTRIBUTED)
    assert result.exit_code == 2
    assert "there is no queue 'fast'" in result.stderr


def test_up_is_for_the_embedded_mode(invoke: Invoke) -> None:
    result = invoke("up", **DISTRIBUTED)
    assert result.exit_code == 2
    assert "ansflow serve" in result.stderr


def test_up_says_which_folder_it_cannot_use(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("up", "--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert result.exit_code == 1
    assert f"the data folder {tmp_path}/file/data cannot be used (Not a directory)" in result.stderr


@pytest.mark.parametrize("command", ["up", "serve", "worker", "scheduler"])
def test_what_runs_for_long_warns_of_secrets_that_all_may_read(
    ansflow: Ansflow, tmp_path: Path, command: str
) -> None:
    (tmp_path / ".env").write_text("SOME_PASSWORD=canary\n")
    (tmp_path / ".env").chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        # None of them comes further than to this port, or to a database that is not there.
        more = {"ANSFLOW_SERVER__PORT": port, "ANSFLOW_WORKER__METRICS_PORT": port}
        if command != "up":
            more |= DISTRIBUTED
            more["ANSFLOW_DATABASE__URL"] = "mysql+asyncmy://root@127.0.0.1:1/x"
        result = ansflow(command, **more)
    assert result.returncode != 0
    assert f"ansflow: warning: {tmp_path / '.env'} has the mode 0644" in result.stderr
    assert f"chmod 600 {tmp_path / '.env'}" in result.stderr
    assert "canary" not in result.stderr
