"""backup and restore, as an operator runs them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Invoke
from tests.fixtures.databases import sqlite_tables

DATABASE = ".ansflow-data/ansflow.db"


def add_user(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO users (id, name, name_folded, is_administrator, is_active, created_at)"
            " VALUES (randomblob(16), ?, ?, 0, 1, '2026-01-01 00:00:00.000000')",
            (name, name),
        )


def users(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM users ORDER BY name")]


def test_a_backup_is_restored_into_an_empty_database(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("migrate").exit_code == 0
    add_user(tmp_path / DATABASE, "ada")
    result = invoke("backup", "one.zst")
    assert (result.exit_code, "1 rows" in result.output) == (0, True)
    assert (tmp_path / "one.zst").stat().st_mode & 0o077 == 0
    other = {"ANSFLOW_DATA__FOLDER": str(tmp_path / "other")}
    (tmp_path / "other").mkdir()
    assert "run `ansflow migrate`" in invoke("restore", "one.zst", **other).output
    assert invoke("migrate", **other).exit_code == 0
    result = invoke("restore", "one.zst", **other)
    assert (result.exit_code, "1 rows restored" in result.output) == (0, True)
    assert users(tmp_path / "other" / "ansflow.db") == ["ada"]
    assert "users" in sqlite_tables(tmp_path / "other" / "ansflow.db")


def test_what_is_there_goes_only_after_a_yes(invoke: Invoke, tmp_path: Path) -> None:
    invoke("migrate")
    add_user(tmp_path / DATABASE, "ada")
    invoke("backup", "one.zst")
    add_user(tmp_path / DATABASE, "bob")
    assert "there are rows in users" in invoke("restore", "one.zst").output
    refused = invoke("restore", "--replace", "one.zst", input="n\n")
    assert (refused.exit_code, users(tmp_path / DATABASE)) == (1, ["ada", "bob"])
    assert invoke("restore", "--replace", "one.zst", input="y\n").exit_code == 0
    assert users(tmp_path / DATABASE) == ["ada"]
    add_user(tmp_path / DATABASE, "bob")
    assert invoke("restore", "--replace", "--yes", "one.zst").exit_code == 0
    assert users(tmp_path / DATABASE) == ["ada"]


def test_a_file_that_is_not_there_or_no_backup_is_one_sentence(
    invoke: Invoke, tmp_path: Path
) -> None:
    invoke("migrate")
    assert "cannot be read" in invoke("restore", "missing").output
    (tmp_path / "noise").write_bytes(b"noise")
    result = invoke("restore", "noise")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "cannot be written" in invoke("backup", "no/such/folder/file").output
