"""Backups and the keys of their secrets: the same key opens them, another one is refused."""

import io

import pytest

from app.administration.backups.service import BackupNeedsOtherKeys, restore_backup
from app.auth.principals import SYSTEM
from app.core.clock import new_id, utcnow
from app.core.crypto import CannotDecrypt
from app.core.db import Database
from app.core.sealing import MasterKeys, opened, seal_into
from app.models import Secret
from tests.administration.test_backups import backup_of, other, rows_of
from tests.fixtures.factories import Factory

__all__ = ["other"]
KEY, OTHER = "11" * 32, "22" * 32


def keys(*found: str) -> MasterKeys:
    return MasterKeys(found[0] if found else None, found[1:], None)


class Sealed:
    """A backup with one secret that `KEY` sealed."""

    def __init__(self, content: bytes, secret: Secret) -> None:
        self.content, self.secret = content, secret

    async def restore(self, database: Database, found: MasterKeys | None) -> None:
        await restore_backup(
            database, io.BytesIO(self.content), by=SYSTEM, replace=False, keys=found
        )

    async def value(self, database: Database, found: MasterKeys) -> bytes:
        async with database.read() as session:
            return opened(await session.get_one(Secret, self.secret.id), found.to_read())


@pytest.fixture
async def sealed(database: Database, make: Factory) -> Sealed:
    project, now = await make.project("demo"), utcnow()
    secret = Secret(
        id=new_id(),
        project_id=project.id,
        scope_id=project.id,
        name="TOKEN",
        created_at=now,
        updated_at=now,
    )
    seal_into(secret, b"hunter2", keys(KEY).to_write())
    async with database.session() as session:
        session.add(secret)
    return Sealed(await backup_of(database), secret)


class TestKeys:
    @pytest.mark.parametrize("found", [(KEY,), (OTHER, KEY)], ids=["current", "old"])
    async def test_the_same_key_opens_the_secrets_in_the_other_server(
        self, sealed: Sealed, other: Database, found: tuple[str, ...]
    ) -> None:
        await sealed.restore(other, keys(*found))
        assert await sealed.value(other, keys(*found)) == b"hunter2"
        assert rows_of(await backup_of(other)) == rows_of(sealed.content)

    @pytest.mark.parametrize("found", [(), (OTHER,)], ids=["none", "another"])
    async def test_without_it_nothing_is_restored_and_the_error_names_the_keys(
        self, sealed: Sealed, other: Database, found: tuple[str, ...]
    ) -> None:
        with pytest.raises(BackupNeedsOtherKeys, match=sealed.secret.key_id) as raised:
            await sealed.restore(other, keys(*found))
        assert "ANSFLOW_SECURITY__SECRET_KEY" in raised.value.detail
        assert rows_of(await backup_of(other)) == []

    async def test_who_wants_to_restores_without_the_key(
        self, sealed: Sealed, other: Database
    ) -> None:
        await sealed.restore(other, None)
        with pytest.raises(CannotDecrypt):
            await sealed.value(other, keys(OTHER))
        assert await sealed.value(other, keys(KEY)) == b"hunter2"
