"""Backups: everything that people made, from one kind of database to the other."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import zstandard
from sqlalchemy import BINARY, Boolean, Column, Double, Integer, LargeBinary, Table, insert, select

from app.administration.backups import folder
from app.administration.backups.file import BackupIsDamaged, BackupReader
from app.administration.backups.folder import keep_backup
from app.administration.backups.service import (
    BackupIsOfAnotherRevision,
    DatabaseIsNotEmpty,
    Restored,
    restore_backup,
    write_backup,
)
from app.administration.backups.tables import EXCLUDED, INCLUDED, included, left_out
from app.audit.models import AuditEntry
from app.auth.principals import SYSTEM
from app.core.clock import new_id
from app.core.db import Database
from app.core.orm import Base, Enumerated, Id, Json, UtcDateTime
from app.models import Execution, Project, User
from app.projects.models import Role
from app.settings import Settings
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.databases import INSERT_RETURNING, DatabaseUnderTest
from tests.fixtures.factories import Factory, SignIn
from tests.logs.conftest import LogFactory
from workers.actors.actor import Context
from workers.actors.periodic import WORK

TEXT = "näme 😀 'quoted' \\ back"
VALUES: dict[Any, Any] = {
    UtcDateTime: datetime(2026, 11, 28, 12, 30, 15, 123456, UTC),
    Json: {"z": [1, None, TEXT], "a": True},
    Boolean: True,
    Integer: 7,
    Double: 1.5,
}


def some_value(column: Column[Any], made: dict[str, dict[str, Any]]) -> Any:
    """A value that the column takes: that of the row it refers to, or any."""
    for key in column.foreign_keys:
        return made.get(key.column.table.name, {}).get(key.column.name)
    kind = column.type
    length = getattr(kind, "length", None)
    if isinstance(kind, Enumerated):
        return next(iter(kind.enum.__members__.values()))
    if isinstance(getattr(kind, "impl_instance", kind), (BINARY, LargeBinary)):
        return new_id() if isinstance(kind, Id) else os.urandom(length or 100)
    for each, value in VALUES.items():
        if isinstance(kind, each):
            return value
    return TEXT[: length or 100]


async def fill(database: Database) -> None:
    """A row in every table of a backup, with something in every column."""
    made: dict[str, dict[str, Any]] = {}
    async with database.session() as session:
        for table in included():
            made[table.name] = {column.name: some_value(column, made) for column in table.columns}
            await session.execute(insert(table), [made[table.name]])


async def backup_of(database: Database) -> bytes:
    file = io.BytesIO()
    await write_backup(database, file.write)
    return file.getvalue()


def rows_of(backup: bytes) -> list[Any]:
    return list(BackupReader(io.BytesIO(backup)).rows())


async def restore(database: Database, backup: bytes, *, replace: bool = False) -> Restored:
    return await restore_backup(database, io.BytesIO(backup), by=SYSTEM, replace=replace)


def changed(backup: bytes, **head: Any) -> bytes:
    """The backup with other fields in its head and a right digest."""
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(backup).splitlines(True)
    lines[0] = json.dumps(json.loads(lines[0]) | head).encode() + b"\n"
    end = json.loads(lines[-1])
    end["end"]["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    lines[-1] = json.dumps(end).encode() + b"\n"
    return zstandard.ZstdCompressor().compress(b"".join(lines))


@pytest.fixture
async def other(
    request: pytest.FixtureRequest, database_under_test: DatabaseUnderTest, tmp_path: Path
) -> AsyncIterator[Database]:
    """An empty database of the other kind."""
    if database_under_test.kind == "sqlite":
        url = request.getfixturevalue("mysql_url")
        request.getfixturevalue("_mysql_cleaner").empty()
    else:
        path = tmp_path / "other.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite+aiosqlite:///{path}"
    async with opened(url) as database:
        yield database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=2, insert_returning=INSERT_RETURNING)
    yield database
    await database.close()


class TestTables:
    def test_every_table_is_in_a_backup_or_left_out_for_a_reason(self) -> None:
        names = set(Base.metadata.tables)
        assert set(INCLUDED) | set(EXCLUDED) == names
        assert not set(INCLUDED) & set(EXCLUDED)
        assert all(EXCLUDED.values())

    @pytest.mark.parametrize("table", included(), ids=lambda table: table.name)
    def test_what_refers_to_something_left_out_may_be_empty(self, table: Table) -> None:
        assert all(table.columns[name].nullable for name in left_out(table))


class TestRestoring:
    async def test_all_content_gets_to_the_other_kind_of_database_and_back(
        self, database: Database, other: Database
    ) -> None:
        await fill(database)
        first = await backup_of(database)
        assert {table for table, _ in rows_of(first)} == set(INCLUDED)
        restored = await restore(other, first)
        second = await backup_of(other)
        assert rows_of(second) == rows_of(first)
        assert restored.rows == len(INCLUDED)
        await restore(database, second, replace=True)
        assert rows_of(await backup_of(database)) == rows_of(first)

    async def test_secrets_stay_as_they_are_and_their_keys_are_named(
        self, database: Database
    ) -> None:
        await fill(database)
        reader = BackupReader(io.BytesIO(await backup_of(database)))
        sealed = [row for table, row in reader.rows() if table == "secrets"]
        assert sealed[0]["key_id"] in reader.end["key_ids"]

    async def test_a_database_with_something_in_it_is_refused(
        self, database: Database, make: Factory
    ) -> None:
        backup = await backup_of(database)
        user = await make.user("ada")
        with pytest.raises(DatabaseIsNotEmpty):
            await restore(database, backup)
        assert await make.get(User, user.id) is not None

    async def test_replacing_removes_what_was_there_with_its_executions(
        self, database: Database, make: Factory
    ) -> None:
        await make.user("kept")
        backup = await backup_of(database)
        execution = await LogFactory(database, make).execution()
        await restore(database, backup, replace=True)
        async with database.read() as session:
            assert (await session.scalars(select(User.name))).all() == ["kept"]
            assert (await session.scalars(select(Project.id))).all() == []
            assert await session.get(Execution, execution.id) is None

    async def test_one_bad_row_leaves_everything_as_it_was(
        self, database: Database, make: Factory
    ) -> None:
        project = await make.project("demo", members={Role.OWNER: await make.user("ada")})
        backup = await backup_of(database)
        text = zstandard.ZstdDecompressor().decompressobj().decompress(backup)
        broken = text.replace(str(project.id).encode(), str(new_id()).encode(), 1)
        with pytest.raises(BackupIsDamaged):
            await restore(
                database,
                changed(zstandard.ZstdCompressor().compress(broken)),
                replace=True,
            )
        assert rows_of(await backup_of(database)) == rows_of(backup)


class TestFile:
    @pytest.fixture
    async def backup(self, database: Database, make: Factory) -> bytes:
        await make.user("ada")
        return await backup_of(database)

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_what_is_not_whole_is_refused(self, backup: bytes, database: Database) -> None:
        text = zstandard.ZstdDecompressor().decompressobj().decompress(backup)
        compress = zstandard.ZstdCompressor().compress
        lines = text.splitlines(True)
        wrong = {
            "nothing": b"",
            "noise": os.urandom(1000),
            "cut": backup[: len(backup) // 2],
            "changed": compress(text.replace(b"ada", b"eve")),
            "no end": compress(b"".join(lines[:-1])),
            "no head": compress(b"".join(lines[1:])),
            "two ends": compress(text + lines[-1]),
            "no object": compress(b"[]\n"),
            "no line": compress(b"{"),
            "another format": changed(backup, format="tar"),
            "a newer version": changed(backup, version=2),
        }
        for name, content in wrong.items():
            with pytest.raises(BackupIsDamaged):
                await restore(database, content, replace=True)
            assert (await backup_of(database))[:4] == backup[:4], name

    @pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
    async def test_another_revision_is_refused(self, backup: bytes, database: Database) -> None:
        with pytest.raises(BackupIsOfAnotherRevision):
            await restore(database, changed(backup, revision="0001"), replace=True)


class TestOverHttp:
    async def test_an_administrator_downloads_and_restores(
        self, database: Database, make: Factory, sign_in: SignIn
    ) -> None:
        root = await sign_in(await make.user("root", administrator=True))
        body(await root.post("/api/v1/projects", json={"slug": "kept"}), 201)
        downloaded = await root.get("/api/v1/backup")
        assert downloaded.status_code == 200
        assert "attachment" in downloaded.headers["content-disposition"]
        body(await root.post("/api/v1/projects", json={"slug": "gone"}), 201)
        refused = await self._send(root, downloaded.content)
        assert_problem(refused, 409, "database_not_empty")
        restored = body(await self._send(root, downloaded.content, replace=True))
        assert restored["rows"] > 2
        slugs = [each["slug"] for each in body(await root.get("/api/v1/projects"))["items"]]
        assert slugs == ["kept"]
        async with database.read() as session:
            statement = select(AuditEntry.action).where(AuditEntry.kind == "backup")
            actions = (await session.scalars(statement.order_by(AuditEntry.id))).all()
        assert actions == ["backup.download", "backup.restore"]

    async def test_users_get_none_and_noise_is_refused(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        user = await sign_in(await make.user())
        assert_problem(await user.get("/api/v1/backup"), 403, "administrator_only")
        assert_problem(await self._send(user, b"x"), 403, "administrator_only")
        root = await sign_in(await make.user("root", administrator=True))
        assert_problem(await self._send(root, b"x", replace=True), 422, "backup_damaged")

    async def _send(
        self, client: httpx.AsyncClient, content: bytes, *, replace: bool = False
    ) -> httpx.Response:
        return await client.post(
            "/api/v1/restore",
            params={"replace": replace},
            content=content,
            headers={"Content-Type": "application/octet-stream"},
        )


class TestFolder:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folder, "KEPT", 2)

    async def test_the_newest_are_kept_and_can_be_restored(
        self, database: Database, make: Factory, tmp_path: Path
    ) -> None:
        await make.user("ada")
        place = tmp_path / "backups"
        names = [await keep_backup(database, f"file://{place}") for _ in range(3)]
        assert sorted(path.name for path in place.iterdir()) == names[1:]
        backup = (place / names[2]).read_bytes()
        assert rows_of(backup) == rows_of(await backup_of(database))

    async def test_the_periodic_work_keeps_one_in_the_data_folder(
        self, database: Database, settings: Settings
    ) -> None:
        context = cast(Context, SimpleNamespace(database=database, settings=settings))
        await WORK["backup"](context)
        (kept,) = (settings.data.folder / "backups").iterdir()
        assert kept.stat().st_mode & 0o077 == 0
        assert BackupReader(io.BytesIO(kept.read_bytes())).end["rows"] == 0
