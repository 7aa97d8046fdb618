"""`ansflow keys`, as an operator runs it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.crypto import Keyring
from app.core.db import Database
from app.core.sealing import KEY_FILE, MasterKeys, opened
from app.credentials.models import Secret
from app.credentials.repository.sealed import sealed_models
from tests.cli.conftest import Invoke
from tests.credentials.rows import add_environment, add_values
from tests.fixtures.factories import Factory

DATA = ".ansflow-data"


async def _fill(folder: Path, keyring: Keyring) -> None:
    database = Database(f"sqlite+aiosqlite:///{folder / 'ansflow.db'}", pool_size=1)
    project = await Factory(database).project()
    await add_values(database, await add_environment(database, project.id), keyring)
    await database.close()


async def _secrets(folder: Path) -> list[Secret]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'ansflow.db'}", pool_size=1)
    async with database.read() as session:
        rows = list(await session.scalars(select(Secret)))
    await database.close()
    return rows


@pytest.fixture
def folder(invoke: Invoke, tmp_path: Path) -> Path:
    """A data folder with two secrets."""
    assert invoke("migrate").exit_code == 0
    data = tmp_path / DATA
    asyncio.run(_fill(data, MasterKeys(None, [], data).to_write()))
    return data


def test_a_new_key_replaces_that_in_the_file(invoke: Invoke, folder: Path) -> None:
    before = [row.ciphertext for row in asyncio.run(_secrets(folder))]
    (listed,) = invoke("keys", "list").output.splitlines()
    assert listed.endswith("current   2 secrets")
    rotated = invoke("keys", "rotate")
    assert rotated.exit_code == 0, rotated.output
    assert "secrets: 2 more" in rotated.output
    assert "2 values are encrypted with it now" in rotated.output
    current, old = invoke("keys", "list").output.splitlines()
    assert current.endswith("current   2 secrets")
    assert old.split() == [listed.split()[0], "old", "not", "used"]
    newest = (folder / KEY_FILE).read_text().split()[0]
    rows = asyncio.run(_secrets(folder))
    assert [opened(row, Keyring([newest])) for row in rows] == [b"hunter2"] * 2
    assert [row.ciphertext for row in rows] == before


def test_a_configured_key_takes_over_and_it_can_be_repeated(invoke: Invoke, folder: Path) -> None:
    configured = {"ANSFLOW_SECURITY__SECRET_KEY": "first"}
    for number in (2, 0):
        rotated = invoke("keys", "rotate", **configured)
        assert f"{number} values" in rotated.output
    (folder / KEY_FILE).unlink()
    second = {
        "ANSFLOW_SECURITY__SECRET_KEY": "second",
        "ANSFLOW_SECURITY__OLD_SECRET_KEYS": '["first"]',
    }
    assert "2 values" in invoke("keys", "rotate", **second).output
    second.pop("ANSFLOW_SECURITY__OLD_SECRET_KEYS")
    listed = invoke("keys", "list", **second)
    assert (listed.exit_code, len(listed.output.splitlines())) == (0, 1)
    assert f"{Keyring(['second']).current_id}  current " in listed.output


def test_a_missing_key_is_told_and_nothing_is_lost(invoke: Invoke, folder: Path) -> None:
    used = MasterKeys(None, [], folder).to_write().current_id
    (folder / KEY_FILE).rename(folder / "elsewhere")
    listed = invoke("keys", "list")
    assert listed.exit_code == 1
    assert f"{used}  missing   2 secrets" in listed.output
    other = {"ANSFLOW_SECURITY__SECRET_KEY": "other"}
    rotated = invoke("keys", "rotate", **other)
    assert rotated.exit_code == 1
    assert "2 values could not be read and stay as they are" in rotated.output
    assert f"the key {used} is not configured" in rotated.output
    assert {row.key_id for row in asyncio.run(_secrets(folder))} == {used}


def test_without_secrets_there_is_no_key(invoke: Invoke, tmp_path: Path) -> None:
    invoke("migrate")
    assert "no key yet" in invoke("keys", "list").output
    assert not (tmp_path / DATA / KEY_FILE).exists()


def test_without_a_database_no_key_is_made(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("keys", "rotate")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert not (tmp_path / DATA / KEY_FILE).exists()


def test_every_table_with_encrypted_values_is_known() -> None:
    tables = [model.__tablename__ for model in sealed_models()]
    assert {"credentials", "secrets"} <= set(tables)
    assert len(tables) == len(set(tables))
