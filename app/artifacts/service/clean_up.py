"""Removes what has expired or is not used any more, from the database and from the store.

The rows go first. Their contents are then named by nothing, as are those of deleted executions and
projects (the database deletes these rows itself) and of uploads that broke off.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.artifacts.repository.artifacts import ArtifactRepository
from app.artifacts.repository.caches import CacheRepository
from app.artifacts.repository.contents import ContentRepository
from app.artifacts.service.caches import evict, remove_caches
from app.artifacts.service.upload import remove
from app.artifacts.store import ContentStore
from app.core.db import AsyncSession, Database
from app.core.logging import logger

log = logger(__name__)
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """How many of each were removed."""

    artifacts: int
    caches: int
    contents: int


async def clean_up(
    database: Database, store: ContentStore, *, cache_days: int, cache_bytes: int
) -> CleanedUp:
    """Clean up once; two at the same time do no harm.

    Parameters: a cache goes after `cache_days` days without use, and those that were not used for
    the longest time when their project has more than `cache_bytes` bytes.
    Raises: Unavailable; StoreFailed.
    """
    artifacts = await _until_none(database, _expired_artifacts)
    caches = await _until_none(database, lambda session: _unused_caches(session, cache_days))
    caches += await _evict(database, cache_bytes)
    result = CleanedUp(artifacts, caches, await _contents(database, store))
    if result != CleanedUp(0, 0, 0):
        log.info(
            "artifacts_cleaned_up",
            artifacts=result.artifacts,
            caches=result.caches,
            contents=result.contents,
        )
    return result


async def _until_none(database: Database, work: Callable[[AsyncSession], Awaitable[int]]) -> int:
    total = 0
    while removed := await database.transact(work):
        total += removed
    return total


async def _expired_artifacts(session: AsyncSession) -> int:
    expired = await ArtifactRepository(session).expired(AT_ONCE)
    for artifact in expired:
        await remove(session, artifact)
    return len(expired)


async def _unused_caches(session: AsyncSession, days: int) -> int:
    unused = await CacheRepository(session).unused(days=days, limit=AT_ONCE)
    await remove_caches(session, unused)
    return len(unused)


async def _evict(database: Database, quota: int) -> int:
    async with database.read() as session:
        projects = await CacheRepository(session).too_large(quota)
    total = 0
    for project_id in projects:

        async def write(session: AsyncSession, project_id: uuid.UUID = project_id) -> int:
            await CacheRepository(session).lock_project(project_id)
            return await evict(session, project_id, quota=quota)

        total += await database.transact(write)
    return total


async def _contents(database: Database, store: ContentStore) -> int:
    total = 0
    while True:
        async with database.read() as session:
            unused = await ContentRepository(session).unused(AT_ONCE)
        for id_ in unused:
            # The row last: what could not be removed is found again.
            await asyncio.to_thread(store.delete, id_)

            async def forget(session: AsyncSession, id_: uuid.UUID = id_) -> bool:
                return await ContentRepository(session).forget(id_)

            total += await database.transact(forget)
        if len(unused) < AT_ONCE:
            return total
