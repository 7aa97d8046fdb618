"""Replacing the master key, on each kind of database."""

import pytest
from sqlalchemy import select

from app.core.crypto import Keyring
from app.core.db import Database
from app.core.sealing import opened, seal_into
from app.credentials.models import Secret
from app.credentials.repository.sealed import SealedRepository
from app.credentials.service import rotation
from app.credentials.service.rotation import key_usage, rotate
from tests.credentials.rows import add_environment, add_values
from tests.fixtures.factories import Factory

OLD, BOTH, NEW = Keyring(["old"]), Keyring(["new", "old"]), Keyring(["new"])


@pytest.fixture
async def filled(database: Database, make: Factory) -> Database:
    """Six secrets under the old key."""
    for _ in range(3):
        project = await make.project()
        await add_values(database, await add_environment(database, project.id), OLD)
    return database


async def secrets(database: Database) -> list[Secret]:
    async with database.read() as session:
        return list(await session.scalars(select(Secret).order_by(Secret.id)))


async def test_all_batches_are_rewrapped_once(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 4)
    assert await key_usage(filled) == {OLD.current_id: {"secrets": 6}}
    assert [done.rewrapped async for done in rotate(filled, BOTH)] == [4, 2]
    assert await key_usage(filled) == {NEW.current_id: {"secrets": 6}}
    assert [opened(row, NEW) for row in await secrets(filled)] == [b"hunter2"] * 6
    assert [done async for done in rotate(filled, BOTH)] == []


async def test_one_that_cannot_be_read_stops_no_other(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 1)
    first = (await secrets(filled))[0]
    async with filled.session() as session:
        (await session.get_one(Secret, first.id)).ciphertext = b"x" * 40
    batches = [done async for done in rotate(filled, BOTH)]
    assert [done.rewrapped for done in batches] == [0, 1, 1, 1, 1, 1]
    assert list(batches[0].unreadable) == [first.id]
    assert (await secrets(filled))[0].key_id == OLD.current_id


async def test_a_value_that_is_set_meanwhile_stays(filled: Database) -> None:
    read = (await secrets(filled))[0]
    async with filled.session() as session:
        seal_into(await session.get_one(Secret, read.id), b"newer", OLD)
    async with filled.session() as session:
        stale = BOTH.seal(b"x", context="y")
        assert not await SealedRepository(session).rewrap(read, stale)
    assert opened((await secrets(filled))[0], OLD) == b"newer"
