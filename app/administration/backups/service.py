"""Making backups of all definitions and restoring them, whole or not at all."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from app.administration.backups.file import BackupIsDamaged, BackupReader, BackupWriter, Written
from app.administration.backups.repository import AT_ONCE, RestoreRepository, all_rows
from app.administration.backups.tables import included
from app.audit.recording import record_change
from app.auth.copies import forget_after_commit
from app.auth.principals import Principal
from app.core import migrate
from app.core.clock import utcnow
from app.core.db import AsyncSession, Database
from app.core.errors import Conflict
from app.core.sealing import MasterKeys
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import EXECUTIONS, PIPELINES, RIGHTS, SETTINGS, touch


class DatabaseIsNotEmpty(Conflict):
    code, title = "database_not_empty", "There are definitions already"


class BackupIsOfAnotherRevision(Conflict):
    code, title = "backup_revision", "The backup is of another version of AnsFlow"


class BackupNeedsOtherKeys(Conflict):
    code, title = "backup_keys", "The secrets of the backup cannot be decrypted here"


@dataclass(frozen=True, slots=True)
class Restored:
    """`key_ids` are those of the master keys that the restored secrets need."""

    rows: int
    key_ids: Sequence[str]


async def write_backup(database: Database, sink: Callable[[bytes], object]) -> Written:
    """Write all definitions, as they are at one moment, to `sink`.

    Raises: BackupIsOfAnotherRevision when the database is not at the revision of this version.
    """
    revision = await _revision(database)
    writer = BackupWriter(sink, revision=revision, created_at=utcnow())
    number = 0
    async for table, row in all_rows(database):
        writer.row(table, row)
        number += 1
        if number % AT_ONCE == 0:
            # Compressing blocks: others get their turn.
            await asyncio.sleep(0)
    return writer.end()


async def record_download(session: AsyncSession, *, by: Principal, written: Written) -> None:
    """Somebody has taken all definitions away."""
    await record_change(
        session,
        by,
        "backup.download",
        kind="backup",
        target_id=None,
        name=written.sha256,
        after={"rows": written.rows},
    )


async def restore_backup(
    database: Database,
    source: IO[bytes],
    *,
    by: Principal,
    replace: bool,
    keys: MasterKeys | None = None,
) -> Restored:
    """Put all definitions of a backup back, in one transaction.

    Parameters: `source` can be read again from its start; with `replace`, the definitions that
    are there go first, with their executions; `keys` have to open all of its secrets (None: not
    looked at).
    Raises: BackupIsDamaged, BackupIsOfAnotherRevision, BackupNeedsOtherKeys, DatabaseIsNotEmpty.
    """
    backup = await asyncio.to_thread(BackupReader, source)
    revision = await _revision(database)
    if backup.head["revision"] != revision:
        raise BackupIsOfAnotherRevision(
            f"it is of revision {backup.head['revision']}, the database is at {revision}: restore"
            " it with the version that made it, then upgrade"
        )
    unknown = backup.tables - {table.name for table in included()}
    if unknown:
        raise BackupIsDamaged(f"it has rows of {', '.join(sorted(unknown))}")
    if keys is not None:
        _require_keys(backup, keys)

    async def write(session: AsyncSession) -> None:
        repository = RestoreRepository(session)
        if replace:
            for user_id in await repository.user_ids():
                forget_after_commit(session, user_id)
            await repository.empty()
        elif filled := await repository.filled():
            raise DatabaseIsNotEmpty(f"there are rows in {', '.join(filled)}")
        await _insert(repository, backup)
        await _tell(session, by, backup)

    await database.transact(write)
    return Restored(backup.end["rows"], backup.end["key_ids"])


def _require_keys(backup: BackupReader, keys: MasterKeys) -> None:
    keyring = keys.to_read()
    known = set() if keyring is None else set(keyring.ids)
    missing = sorted(set(backup.end["key_ids"]) - known)
    if missing:
        raise BackupNeedsOtherKeys(
            f"its secrets need the master keys {', '.join(missing)}, this installation has "
            f"{', '.join(sorted(known)) or 'none'}: set ANSFLOW_SECURITY__SECRET_KEY, or one of "
            "ANSFLOW_SECURITY__OLD_SECRET_KEYS, to the key of the installation that made it"
        )


async def _insert(repository: RestoreRepository, backup: BackupReader) -> None:
    tables = {table.name: table for table in included()}
    name, held = "", list[Mapping[str, Any]]()
    try:
        for table, row in backup.rows():
            if held and (table != name or len(held) == AT_ONCE or row.keys() != held[0].keys()):
                await repository.insert(tables[name], held)
                held = []
            name = table
            held.append(row)
        if held:
            await repository.insert(tables[name], held)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise BackupIsDamaged(f"a row of {name} does not fit: {error}") from error


async def _tell(session: AsyncSession, by: Principal, backup: BackupReader) -> None:
    await record_change(
        session,
        by,
        "backup.restore",
        kind="backup",
        target_id=None,
        name=backup.end["sha256"],
        after={"rows": backup.end["rows"], "of": backup.head.get("created_at")},
    )
    await touch(session, PIPELINES, EXECUTIONS, RIGHTS, SETTINGS)
    publish_after_commit(session, RightsChanged(user_ids=None))


async def _revision(database: Database) -> str:
    revision = await migrate.current(database)
    if revision is None or revision != migrate.head():
        raise BackupIsOfAnotherRevision(
            f"the database is at revision {revision or 'none'}, this version needs"
            f" {migrate.head()}: run `ansflow migrate`"
        )
    return revision
