"""Artifacts and caches, the contents in the store that they name, and results of tests."""

import uuid
from datetime import datetime

from sqlalchemy import BINARY, BigInteger, Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, MediumText


class StoredContent(Base):
    """A content of the store, written down before its upload begins.

    So nothing in the store is forgotten, whatever ends: a content that no artifact and no cache
    names is removed after `unused_after`, which leaves an upload its time.
    """

    __tablename__ = "stored_contents"
    __table_args__ = (Index(None, "unused_after"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    unused_after: Mapped[datetime]


class Artifact(Base):
    """Files that an attempt of a job kept under a name, as a zip archive.

    `files` counts them, `size` is that of the archive in bytes, `sha256` (hex) its digest.
    """

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("execution_id", "name"),
        UniqueConstraint("content_id"),
        Index(None, "expires_at"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    files: Mapped[int]
    content_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("stored_contents.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class CacheEntry(Base):
    """Files that executions of a project share, as a compressed tar archive; never changed.

    `scope` is the full ref whose executions may restore it (besides those that fall back to it),
    empty where there is no repository. `version` names the paths. `identity` is the digest of
    scope, key and version, which together are too long for an index.
    """

    __tablename__ = "cache_entries"
    __table_args__ = (
        UniqueConstraint("project_id", "identity"),
        UniqueConstraint("content_id"),
        Index(None, "project_id", "version"),
        Index(None, "project_id", "used_at"),
        Index(None, "used_at"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(String(500))
    key: Mapped[str] = mapped_column(String(512))
    version: Mapped[str] = mapped_column(String(64))
    identity: Mapped[bytes] = mapped_column(BINARY(32))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    content_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("stored_contents.id"))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]


class TestCase(Base):
    """How a test ended in an attempt of a job.

    `identity` is the same for the same test in all executions of the pipeline. `rank` orders lists
    (`app.artifacts.states`). `id` follows the order of the report.
    """

    __tablename__ = "test_cases"
    __table_args__ = (
        Index(None, "execution_id", "rank", "id"),
        Index(None, "execution_id", "identity"),
        Index(None, "pipeline_id", "identity", "id"),
        Index(None, "job_id", "attempt"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("executions.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    identity: Mapped[bytes] = mapped_column(BINARY(16))
    rank: Mapped[int]
    status: Mapped[str] = mapped_column(String(32))
    suite: Mapped[str] = mapped_column(String(500))
    classname: Mapped[str] = mapped_column(String(500))
    name: Mapped[str] = mapped_column(String(500))
    file: Mapped[str | None] = mapped_column(String(500))
    duration_s: Mapped[float | None] = mapped_column(Double())
    flaky: Mapped[bool]
    message: Mapped[str | None] = mapped_column(String(2000))
    details: Mapped[str | None] = mapped_column(MediumText)
