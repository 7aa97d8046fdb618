"""Small chunks become chunks of about 1 MiB, once no more lines come; the text stays the same."""

import uuid
from collections.abc import Iterator, Sequence

from app.core.db import AsyncSession, Database
from app.core.log_chunks import digest, merge
from app.logs.repository.merging import MergeRepository, StoredSize

TARGET_BYTES = 1024 * 1024
_CHUNKS_AT_ONCE = 2_000


async def merge_job(database: Database, *, job_id: uuid.UUID, attempt: int) -> int:
    """Merge the chunks of all steps of an attempt that has ended; calling again does no harm.

    Returns how many chunks are fewer.
    Raises: ChunkIsDamaged, Unavailable.
    """
    async with database.read() as session:
        steps = await MergeRepository(session).ended_steps(job_id, attempt)
    return sum([await merge_step(database, step_id) for step_id in steps])


async def merge_step(database: Database, step_id: uuid.UUID) -> int:
    """Merge the chunks of one step try that has ended.

    One transaction per merged chunk, so that readers and writers of other logs hardly wait.
    Raises: ChunkIsDamaged, Unavailable.
    """
    async with database.read() as session:
        sizes = await MergeRepository(session).sizes(step_id)
    fewer = 0
    for group in _groups(sizes):
        fewer += await _merge_group(database, step_id, group)
    return fewer


def _groups(sizes: Sequence[StoredSize]) -> Iterator[list[StoredSize]]:
    """Consecutive chunks that fit into one."""
    group: list[StoredSize] = []
    total = 0
    for size in sizes:
        full = total + size.raw_bytes > TARGET_BYTES or len(group) == _CHUNKS_AT_ONCE
        gap = bool(group) and group[-1].first_line + group[-1].line_count != size.first_line
        if group and (full or gap):
            yield group
            group, total = [], 0
        group.append(size)
        total += size.raw_bytes
    if group:
        yield group


async def _merge_group(database: Database, step_id: uuid.UUID, group: list[StoredSize]) -> int:
    if len(group) < 2:
        return 0

    async def write(session: AsyncSession) -> int:
        repository = MergeRepository(session)
        first, last = group[0].number, group[-1].number
        chunks = await repository.lock(step_id, first=first, last=last)
        if [(chunk.number, chunk.line_count) for chunk in chunks] != [
            (size.number, size.line_count) for size in group
        ]:
            # Another worker merged them meanwhile.
            return 0
        data, times = merge([(chunk.data, chunk.times) for chunk in chunks])
        await repository.replace(
            step_id,
            first=first,
            last=last,
            line_count=sum(size.line_count for size in group),
            raw_bytes=sum(size.raw_bytes for size in group),
            digest=digest(data, times),
            data=data,
            times=times,
        )
        return len(group) - 1

    return await database.transact(write)
