"""What a job keeps besides its log, and how it gets at what others kept: database and store."""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import IO, TypeVar

from app.artifacts.models import Artifact
from app.artifacts.repository.artifacts import ArtifactRepository
from app.artifacts.service.upload import (
    Owner,
    begin_content,
    give_up_content,
    keep_artifact,
    room_for_artifact,
)
from app.artifacts.store import ContentStore, ContentWriter, Stored
from app.core.db import Database
from app.core.errors import Unavailable

T = TypeVar("T")
RETRY_S = 0.5


class Stopped(Exception):
    """The one who waits for a thread's work has given up."""


@dataclass(frozen=True, slots=True)
class StorageRules:
    """Sizes are in bytes."""

    retention_days: int = 90
    execution_bytes: int = 10 << 30
    cache_bytes: int = 10 << 30


@dataclass(frozen=True, slots=True)
class JobStorage:
    """Artifacts and caches as one claimed job sees them."""

    database: Database
    store: ContentStore
    owner: Owner
    rules: StorageRules

    async def keep_artifact(
        self,
        write: Callable[[ContentWriter, threading.Event], int],
        *,
        name: str,
        retention_days: int,
        overwrite: bool,
    ) -> tuple[uuid.UUID, Stored]:
        """Keep what `write` writes as an artifact; its id and content.

        Parameters: `write` runs in a thread and returns the number of files; it raises `Stopped`
        soon after its event was set.
        Raises: ArtifactExists, ContentTooLarge, StoreFailed, ClaimIsLost; what `write` raises.
        """
        quota = self.rules.execution_bytes
        limit = await insist(
            lambda: room_for_artifact(
                self.database, self.owner, name=name, overwrite=overwrite, quota=quota
            )
        )

        async def keep(stored: Stored, files: int) -> uuid.UUID:
            return await insist(
                lambda: keep_artifact(
                    self.database,
                    self.owner,
                    stored,
                    name=name,
                    files=files,
                    retention_days=retention_days,
                    overwrite=overwrite,
                    quota=quota,
                )
            )

        return await self.keep(write, keep, limit=limit)

    async def keep(
        self,
        write: Callable[[ContentWriter, threading.Event], int],
        keep: Callable[[Stored, int], Awaitable[T]],
        *,
        limit: int,
    ) -> tuple[T, Stored]:
        """Write a content in a thread, then have `keep` name it; it is given up otherwise."""

        async def write_all(id_: uuid.UUID) -> tuple[Stored, int]:
            return await in_thread(lambda stop: self._write(id_, write, limit, stop))

        return await self._named(write_all, keep)

    async def keep_streamed(
        self,
        write: Callable[[ContentWriter], Awaitable[int]],
        keep: Callable[[Stored, int], Awaitable[T]],
        *,
        limit: int,
    ) -> tuple[T, Stored]:
        """As `keep`, for content that comes from a process."""

        async def write_all(id_: uuid.UUID) -> tuple[Stored, int]:
            with await asyncio.to_thread(self.store.create, id_, limit=limit) as writer:
                count = await write(writer)
                return await asyncio.to_thread(writer.commit), count

        return await self._named(write_all, keep)

    async def _named(
        self,
        write: Callable[[uuid.UUID], Awaitable[tuple[Stored, int]]],
        keep: Callable[[Stored, int], Awaitable[T]],
    ) -> tuple[T, Stored]:
        id_ = await insist(lambda: begin_content(self.database))
        try:
            stored, count = await write(id_)
            return await keep(stored, count), stored
        except BaseException:
            # Not in the way of a cancel: what is left behind has its time.
            await asyncio.shield(self._give_up(id_))
            raise

    async def artifacts(self, execution_id: uuid.UUID | None) -> Sequence[Artifact] | None:
        """The artifacts of an execution of this project (None: the own one) by name; None when
        there is no such execution."""

        async def read() -> Sequence[Artifact] | None:
            async with self.database.read() as session:
                wanted = execution_id or self.owner.execution_id
                return await ArtifactRepository(session).all_of(self.owner.project_id, wanted)

        return await insist(read)

    async def open(self, content_id: uuid.UUID, *, size: int, sha256: str) -> IO[bytes]:
        """A content whose digest was checked.

        Raises: StoreFailed.
        """
        return await asyncio.to_thread(self.store.open, content_id, size=size, sha256=sha256)

    def _write(
        self,
        id_: uuid.UUID,
        write: Callable[[ContentWriter, threading.Event], int],
        limit: int,
        stop: threading.Event,
    ) -> tuple[Stored, int]:
        with self.store.create(id_, limit=limit) as writer:
            files = write(writer, stop)
            return writer.commit(), files

    async def _give_up(self, id_: uuid.UUID) -> None:
        try:
            await give_up_content(self.database, id_)
        except Unavailable:
            return


async def insist(work: Callable[[], Awaitable[T]]) -> T:
    """Do something with the database; wait while it is away, as long as the step may take."""
    while True:
        try:
            return await work()
        except Unavailable:
            await asyncio.sleep(RETRY_S)


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run blocking work in a thread; when the caller is cancelled, the work hears of it.

    Returns, also then, only after the work has ended.
    """
    stop = threading.Event()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((running,))
        if not running.cancelled():
            running.exception()
        raise
