"""Old logs move out of the database: into one file for each execution.

The order makes it safe to stop at any moment: the file is written down, then written, then read
back and compared by digest; only then one transaction puts the places in the file where the chunks
were. What broke off before that is begun anew the next time, and its file is removed.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.core.log_chunks import ChunkIsDamaged
from app.core.logging import logger
from app.logs.archive import LogStore
from app.logs.models import ArchivedChunk, LogChunk
from app.logs.repository.archived import blobs_of
from app.logs.repository.archiving import ArchivingRepository

log = logger(__name__)

AT_ONCE = 100
CHUNKS_AT_ONCE = 4
"""Chunks in memory: each about 1 MiB of text, compressed."""
BROKE_OFF_S = 24 * 3600.0


@dataclass(slots=True)
class Archived:
    """What was moved. `failed` counts executions whose chunks or file are damaged; they stay."""

    executions: int = 0
    chunks: int = 0
    bytes: int = 0
    failed: int = 0
    files_removed: int = 0


@dataclass(slots=True)
class _File:
    id: uuid.UUID = field(default_factory=new_id)
    rows: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0


async def archive_old(database: Database, store: LogStore, *, days: int) -> Archived:
    """Move the logs of executions that ended more than `days` days ago (0: none), and remove files
    that nothing needs.

    Raises: Unavailable.
    """
    done = Archived()
    after: uuid.UUID | None = None
    while days:
        async with database.read() as session:
            some = await ArchivingRepository(session).old(after, days=days, limit=AT_ONCE)
        for execution_id in some:
            await _archive(database, store, execution_id, done)
        if len(some) < AT_ONCE:
            break
        after = some[-1]
    done.files_removed = await _remove_unused(database, store)
    if done != Archived():
        log.info("logs_archived", executions=done.executions, bytes=done.bytes, failed=done.failed)
    return done


async def _archive(
    database: Database, store: LogStore, execution_id: uuid.UUID, done: Archived
) -> None:
    async with database.read() as session:
        steps = await ArchivingRepository(session).steps(execution_id)
    if not steps:
        return
    file = _File()
    await database.transact(
        lambda session: ArchivingRepository(session).begin(file.id, execution_id)
    )
    try:
        await _write(database, store, steps, file)
        await _verify(store, file)
        moved = await _move(database, file)
    except ChunkIsDamaged as error:
        log.error("log_not_archived", execution_id=str(execution_id), error=str(error))
        done.failed += 1
        moved = False
    if not moved:
        await _remove(database, store, file.id)
        return
    done.executions += 1
    done.chunks += len(file.rows)
    done.bytes += file.size


async def _write(
    database: Database, store: LogStore, steps: Sequence[uuid.UUID], file: _File
) -> None:
    with store.writing(file.id) as target:
        for step_id in steps:
            number = 0
            while chunks := await _chunks(database, step_id, number):
                await asyncio.to_thread(_add, target, file, chunks)
                number = chunks[-1].number


async def _chunks(database: Database, step_id: uuid.UUID, after: int) -> Sequence[LogChunk]:
    async with database.read() as session:
        return await ArchivingRepository(session).chunks(step_id, after=after, limit=CHUNKS_AT_ONCE)


def _add(target: IO[bytes], file: _File, chunks: Sequence[LogChunk]) -> None:
    for chunk in chunks:
        target.write(chunk.data + chunk.times)
        file.rows.append(
            {
                "step_id": chunk.step_id,
                "number": chunk.number,
                "first_line": chunk.first_line,
                "line_count": chunk.line_count,
                "raw_bytes": chunk.raw_bytes,
                "digest": bytes(chunk.digest),
                "archive_id": file.id,
                "offset": file.size,
                "data_size": len(chunk.data),
                "times_size": len(chunk.times),
                "created_at": chunk.created_at,
            }
        )
        file.size += len(chunk.data) + len(chunk.times)


async def _verify(store: LogStore, file: _File) -> None:
    """Read all of it back.

    Raises: ChunkIsDamaged.
    """
    for start in range(0, len(file.rows), CHUNKS_AT_ONCE):
        some = [ArchivedChunk(**row) for row in file.rows[start : start + CHUNKS_AT_ONCE]]
        await asyncio.to_thread(blobs_of, store, file.id, some)


async def _move(database: Database, file: _File) -> bool:
    """Put the places in the file where the chunks were; False: they have changed meanwhile."""
    expected = [(row["step_id"], row["number"], row["digest"]) for row in file.rows]

    async def write(session: AsyncSession) -> bool:
        repository = ArchivingRepository(session)
        found = await repository.lock(sorted({row["step_id"] for row in file.rows}))
        if not expected or list(found) != expected:
            return False
        await repository.move(file.id, file.rows, size=file.size)
        return True

    return await database.transact(write)


async def _remove_unused(database: Database, store: LogStore) -> int:
    total = 0
    while True:
        async with database.read() as session:
            unused = await ArchivingRepository(session).unused(
                older_than_s=BROKE_OFF_S, limit=AT_ONCE
            )
        for archive_id in unused:
            await _remove(database, store, archive_id)
        total += len(unused)
        if len(unused) < AT_ONCE:
            return total


async def _remove(database: Database, store: LogStore, archive_id: uuid.UUID) -> None:
    # The row last: what could not be removed is found again.
    await asyncio.to_thread(store.delete, archive_id)
    await database.transact(lambda session: ArchivingRepository(session).forget(archive_id))
