"""Replacing the master key: every data key is wrapped anew, the values stay as they are."""

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from app.core.crypto import CannotDecrypt, Keyring
from app.core.db import AsyncSession, Database
from app.core.sealing import SealedColumns, context_of, sealed_of
from app.credentials.repository.sealed import SealedRepository, sealed_models

BATCH = 100


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done in one batch of a table; `unreadable` says why, by row."""

    table: str
    rewrapped: int
    unreadable: Mapping[uuid.UUID, str]


async def key_usage(database: Database) -> Mapping[str, Mapping[str, int]]:
    """How many values each master key encrypts, by table."""
    found: dict[str, dict[str, int]] = {}
    async with database.read() as session:
        for model in sealed_models():
            for key_id, count in (await SealedRepository(session).usage(model)).items():
                found.setdefault(key_id, {})[model.__tablename__] = count
    return found


async def rotate(database: Database, keyring: Keyring) -> AsyncIterator[Rotated]:
    """Wrap all data keys by the current master key, a transaction for each batch.

    It may be stopped and started again; values that are set meanwhile are left alone. What cannot
    be read stays as it is and is told.
    """
    for model in sealed_models():
        after: uuid.UUID | None = None
        while True:
            rows, done = await _batch(database, keyring, model, after)
            if not rows:
                break
            after = rows[-1].id
            yield done


async def _batch(
    database: Database, keyring: Keyring, model: type[SealedColumns], after: uuid.UUID | None
) -> tuple[list[SealedColumns], Rotated]:
    async def write(session: AsyncSession) -> tuple[list[SealedColumns], Rotated]:
        repository = SealedRepository(session)
        current = keyring.current_id
        rows = list(await repository.not_under(model, current, after=after, limit=BATCH))
        rewrapped, unreadable = 0, {}
        for row in rows:
            try:
                new = keyring.rewrap(sealed_of(row), context=context_of(row))
            except CannotDecrypt as error:
                unreadable[row.id] = str(error)
            else:
                rewrapped += await repository.rewrap(row, new)
        return rows, Rotated(model.__tablename__, rewrapped, unreadable)

    return await database.transact(write)
