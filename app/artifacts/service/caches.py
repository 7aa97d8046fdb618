"""Caches of a project: found by key and scope, kept once, evicted by the last use."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app.artifacts.errors import CacheNotFound
from app.artifacts.models import CacheEntry
from app.artifacts.repository.caches import CacheRepository, identity
from app.artifacts.repository.contents import ContentRepository
from app.artifacts.store import Stored
from app.audit.recording import fields_of, record_change
from app.auth.principals import Principal
from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.core.errors import Conflict
from app.jobs.catalog import CleanUpArtifacts
from app.jobs.outbox import enqueue


class CacheExists(Conflict):
    """There is a cache with this key; caches never change."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an execution looks for. `scopes` are tried one after the other, its own first."""

    project_id: uuid.UUID
    scopes: Sequence[str]
    key: str
    version: str
    restore_keys: Sequence[str] = ()


async def find_cache(database: Database, wanted: Wanted) -> CacheEntry | None:
    """The best cache: in each scope the key itself, then the newest that begins with the key, then
    the newest that begins with each of the restore keys in turn. It counts as used.

    Raises: Unavailable.
    """

    async def find(session: AsyncSession) -> CacheEntry | None:
        repository = CacheRepository(session)
        found = await _find(repository, wanted)
        if found is not None:
            await repository.used(found.id)
        return found

    return await database.transact(find)


async def _find(repository: CacheRepository, wanted: Wanted) -> CacheEntry | None:
    for scope in wanted.scopes:
        exact = await repository.exact(
            wanted.project_id, scope=scope, key=wanted.key, version=wanted.version
        )
        if exact is not None:
            return exact
        for prefix in (wanted.key, *wanted.restore_keys):
            newest = await repository.newest(
                wanted.project_id, scope=scope, prefix=prefix, version=wanted.version
            )
            if newest is not None:
                return newest
    return None


async def check_cache_is_new(database: Database, wanted: Wanted) -> None:
    """Asked before an upload: is there no cache with this key in the own scope?

    Raises: CacheExists.
    """
    async with database.read() as session:
        there = await CacheRepository(session).exact(
            wanted.project_id, scope=wanted.scopes[0], key=wanted.key, version=wanted.version
        )
    if there is not None:
        raise CacheExists(_taken(wanted.key))


async def keep_cache(
    database: Database, wanted: Wanted, stored: Stored, *, quota: int
) -> uuid.UUID:
    """Make a stored content a cache in the own scope; caches that were not used for the longest
    time go when the project has more than `quota` bytes of them.

    Raises: CacheExists.
    """

    async def write(session: AsyncSession) -> uuid.UUID:
        repository = CacheRepository(session)
        await repository.lock_project(wanted.project_id)
        scope = wanted.scopes[0]
        there = await repository.exact(
            wanted.project_id, scope=scope, key=wanted.key, version=wanted.version
        )
        if there is not None:
            if there.content_id == stored.id:
                return there.id
            raise CacheExists(_taken(wanted.key))
        now = await repository.now()
        entry = CacheEntry(
            id=new_id(),
            project_id=wanted.project_id,
            scope=scope,
            key=wanted.key,
            version=wanted.version,
            identity=identity(scope, wanted.key, wanted.version),
            size=stored.size,
            sha256=stored.sha256,
            content_id=stored.id,
            created_at=now,
            used_at=now,
        )
        await repository.save(entry, conflict=CacheExists(_taken(wanted.key)))
        await evict(session, wanted.project_id, quota=quota)
        return entry.id

    return await database.transact(write)


async def evict(session: AsyncSession, project_id: uuid.UUID, *, quota: int) -> int:
    """Remove the caches that were not used for the longest time until `quota` bytes are enough;
    returns how many."""
    total = 0
    gone: list[CacheEntry] = []
    for entry in await CacheRepository(session).by_use(project_id):
        total += entry.size
        if total > quota:
            gone.append(entry)
    await remove_caches(session, gone)
    return len(gone)


async def remove_caches(session: AsyncSession, entries: Sequence[CacheEntry]) -> None:
    """These caches are no longer there; their contents are removed by the next clean-up."""
    contents = [entry.content_id for entry in entries]
    for entry in entries:
        await CacheRepository(session).delete(entry)
    await ContentRepository(session).free(contents)


async def delete_cache(
    session: AsyncSession, *, by: Principal, project_id: uuid.UUID, cache_id: uuid.UUID
) -> None:
    """Remove one cache of a project.

    Raises: CacheNotFound.
    """
    entry = await CacheRepository(session).get(project_id, cache_id)
    if entry is None:
        raise CacheNotFound(f"the project has no cache {cache_id}")
    await remove_caches(session, [entry])
    await enqueue(session, CleanUpArtifacts())
    await record_change(
        session,
        by,
        "cache.delete",
        kind="cache",
        target_id=cache_id,
        name=entry.key,
        project_id=project_id,
        before=fields_of(entry, "key", "scope", "size"),
    )


def _taken(key: str) -> str:
    return f"there is a cache with the key {key!r} already"
