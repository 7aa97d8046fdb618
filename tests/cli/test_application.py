"""The table of commands."""

import subprocess
from importlib import import_module

import pytest

from app.cli.application import COMMANDS
from tests.cli.conftest import ANSFLOW, Ansflow, Invoke


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name: str, invoke: Invoke) -> None:
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert "Examples:\n" in result.output
    assert f"  ansflow {name}" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_and_the_module_agree(name: str) -> None:
    assert callable(import_module(f"app.cli.{name}").command)


def test_help_imports_no_command(ansflow: Ansflow) -> None:
    result = ansflow("--help", PYTHONPROFILEIMPORTTIME="1")
    assert result.returncode == 0
    assert all(name in result.stdout for name in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "app.cli.application" in imported
    assert not imported & {"sqlalchemy", "fastapi", "pydantic", "app.cli.run", "workers"}


def test_an_unknown_command_names_a_near_one(invoke: Invoke) -> None:
    result = invoke("lnt")
    assert result.exit_code == 2
    assert "'lint'" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    done = subprocess.run(  # noqa: S602  a pipe is what is tested
        f"{ANSFLOW} schema | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_a_full_disk_is_one_sentence() -> None:
    done = subprocess.run(  # noqa: S602  a redirection is what is tested
        f"{ANSFLOW} schema > /dev/full", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "ansflow: No space left on device\n"
