"""Reading chunks that are in the archive."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Select

from app.core.db import AsyncSession, ReadSession
from app.core.log_chunks import ChunkIsDamaged, digest
from app.core.repository import Repository
from app.logs.archive import LogStore, store_of
from app.logs.models import ArchivedChunk

Blobs = tuple[bytes, bytes]
"""`data` and `times` of a chunk."""


def blobs_of(store: LogStore, archive_id: uuid.UUID, rows: Sequence[ArchivedChunk]) -> list[Blobs]:
    """What these chunks of one file hold, their digests checked; it blocks.

    Raises: ChunkIsDamaged, Unavailable.
    """
    slices = [(row.offset, row.data_size + row.times_size) for row in rows]
    found = []
    for row, both in zip(rows, store.read(archive_id, slices), strict=True):
        data, times = both[: row.data_size], both[row.data_size :]
        if digest(data, times) != row.digest:
            raise ChunkIsDamaged(f"chunk {row.number} of step {row.step_id} in the archive")
        found.append((data, times))
    return found


class ArchivedRepository(Repository):
    """Archived chunks with what they hold."""

    def __init__(self, session: AsyncSession | ReadSession) -> None:
        super().__init__(session)

    async def load(self, statement: Select[ArchivedChunk]) -> Sequence[tuple[ArchivedChunk, Blobs]]:
        """The chunks that a statement finds, in its order; no statement but that one.

        Raises: ChunkIsDamaged, Unavailable.
        """
        rows = (await self.session.scalars(statement)).all()
        by_file: Mapping[uuid.UUID, list[ArchivedChunk]] = defaultdict(list)
        for row in rows:
            by_file[row.archive_id].append(row)
        held: dict[tuple[uuid.UUID, int], Blobs] = {}
        for archive_id, some in by_file.items():
            store = store_of(self.session)
            blobs = await asyncio.to_thread(blobs_of, store, archive_id, some)
            held |= {(row.step_id, row.number): each for row, each in zip(some, blobs, strict=True)}
        return [(row, held[row.step_id, row.number]) for row in rows]
