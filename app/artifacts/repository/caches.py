"""Caches: found by key in the scopes of an execution, oldest use first to go."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update

from app.artifacts.models import CacheEntry
from app.core.clock import db_now
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.projects.models import Project


def identity(scope: str, key: str, version: str) -> bytes:
    """What names one cache of a project."""
    return hashlib.sha256(f"{version}\0{scope}\0{key}".encode()).digest()


class CacheRepository(Repository):
    """All statements name the project."""

    async def exact(
        self, project_id: uuid.UUID, *, scope: str, key: str, version: str
    ) -> CacheEntry | None:
        """The cache with this key."""
        return await self.session.scalar(
            select(CacheEntry).where(
                CacheEntry.project_id == project_id,
                CacheEntry.identity == identity(scope, key, version),
            )
        )

    async def newest(
        self, project_id: uuid.UUID, *, scope: str, prefix: str, version: str
    ) -> CacheEntry | None:
        """The newest cache whose key begins so."""
        return await self.session.scalar(
            select(CacheEntry)
            .where(
                CacheEntry.project_id == project_id,
                CacheEntry.version == version,
                CacheEntry.scope == scope,
                _begins(prefix),
            )
            .order_by(CacheEntry.id.desc())
            .limit(1)
        )

    async def used(self, cache_id: uuid.UUID) -> None:
        """Somebody restores this cache."""
        await self.session.execute(
            update(CacheEntry)
            .where(CacheEntry.id == cache_id)
            .values(used_at=db_now())
            .execution_options(synchronize_session=False)
        )

    async def list(
        self, project_id: uuid.UUID, params: PageParams, *, prefix: str | None, scope: str | None
    ) -> Slice[CacheEntry]:
        """The caches of a project, newest first."""
        statement = select(CacheEntry).where(CacheEntry.project_id == project_id)
        if prefix:
            statement = statement.where(_begins(prefix))
        if scope is not None:
            statement = statement.where(CacheEntry.scope == scope)
        return await self.page(statement, CacheEntry.id, params)

    async def get(self, project_id: uuid.UUID, cache_id: uuid.UUID) -> CacheEntry | None:
        """One cache of a project."""
        return await self.session.scalar(
            select(CacheEntry).where(CacheEntry.project_id == project_id, CacheEntry.id == cache_id)
        )

    async def lock_project(self, project_id: uuid.UUID) -> None:
        """Until the transaction ends nobody else adds caches to this project."""
        await self.session.execute(
            select(Project.id).where(Project.id == project_id).with_for_update()
        )

    async def by_use(self, project_id: uuid.UUID) -> Sequence[CacheEntry]:
        """All caches of a project, the one that was used last first."""
        statement = (
            select(CacheEntry)
            .where(CacheEntry.project_id == project_id)
            .order_by(CacheEntry.used_at.desc(), CacheEntry.id.desc())
        )
        return (await self.session.scalars(statement)).all()

    async def unused(self, *, days: int, limit: int) -> Sequence[CacheEntry]:
        """Caches of all projects that nobody used for so many days."""
        statement = (
            select(CacheEntry)
            .where(CacheEntry.used_at <= db_now(-days * 86400.0))
            .order_by(CacheEntry.used_at)
            .limit(limit)
        )
        return (await self.session.scalars(statement)).all()

    async def too_large(self, limit: int) -> Sequence[uuid.UUID]:
        """Projects whose caches have more bytes than this."""
        statement = (
            select(CacheEntry.project_id)
            .group_by(CacheEntry.project_id)
            .having(func.sum(CacheEntry.size) > limit)
        )
        return (await self.session.scalars(statement)).all()

    async def now(self) -> datetime:
        """The database's time."""
        return (await self.session.execute(select(db_now()))).scalar_one()


def _begins(prefix: str) -> ColumnElement[bool]:
    # Not LIKE: SQLite's ignores case, and a key may hold its wildcards.
    return func.substr(CacheEntry.key, 1, len(prefix)) == prefix
