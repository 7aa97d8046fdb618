"""Artifacts and caches as rows, with contents that need not be in a store."""

import hashlib
import uuid
from datetime import timedelta

from app.artifacts.models import Artifact, CacheEntry, StoredContent, TestCase
from app.artifacts.repository.caches import identity
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.executions.models import Execution, Job


async def keep_something(
    database: Database, project_id: uuid.UUID, job: Job
) -> tuple[uuid.UUID, uuid.UUID]:
    """An artifact of a job and a cache of its project; their ids."""
    artifact = await add_artifact(database, job)
    return artifact.id, (await add_cache(database, project_id)).id


async def add_artifact(
    database: Database,
    job: Job,
    name: str = "results",
    *,
    content_id: uuid.UUID | None = None,
    data: bytes = b"",
    days: float = 1,
) -> Artifact:
    """An artifact that expires in so many days."""
    artifact = Artifact(
        id=new_id(),
        execution_id=job.execution_id,
        job_id=job.id,
        attempt=1,
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        files=1,
        content_id=content_id or await add_content(database),
        created_at=utcnow(),
        expires_at=utcnow() + timedelta(days=days),
    )
    async with database.session() as session:
        session.add(artifact)
    return artifact


async def add_cache(
    database: Database,
    project_id: uuid.UUID,
    key: str = "key",
    *,
    scope: str = "refs/heads/main",
    version: str = "v",
    size: int = 1,
    used_days_ago: float = 0,
    content_id: uuid.UUID | None = None,
) -> CacheEntry:
    """A cache that was last used so many days ago."""
    cache = CacheEntry(
        id=new_id(),
        project_id=project_id,
        scope=scope,
        key=key,
        version=version,
        identity=identity(scope, key, version),
        size=size,
        sha256="0" * 64,
        content_id=content_id or await add_content(database),
        created_at=utcnow(),
        used_at=utcnow() - timedelta(days=used_days_ago),
    )
    async with database.session() as session:
        session.add(cache)
    return cache


async def add_content(database: Database, *, unused_days_ago: float = 1) -> uuid.UUID:
    """A content that may go unless something names it."""
    content = StoredContent(id=new_id(), unused_after=utcnow() - timedelta(days=unused_days_ago))
    async with database.session() as session:
        session.add(content)
    return content.id


async def add_test(database: Database, execution: Execution, job: Job) -> bytes:
    """A test that failed in an execution; its identity."""
    row = TestCase(
        id=new_id(),
        execution_id=execution.id,
        job_id=job.id,
        pipeline_id=execution.pipeline_id,
        attempt=1,
        identity=b"0123456789abcdef",
        rank=0,
        status="failed",
        suite="",
        classname="",
        name="test",
        flaky=False,
    )
    async with database.session() as session:
        session.add(row)
    return row.identity
