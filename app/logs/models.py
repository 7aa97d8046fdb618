"""Log chunks: the durable form of what steps print."""

import uuid
from datetime import datetime

from sqlalchemy import BINARY, BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, MediumBlob


class LogChunk(Base):
    """Lines `first_line` to `first_line + line_count - 1` of one step attempt, zstd-compressed.

    `number` counts chunks from 1. `digest` names the content (`app.core.log_chunks`), so that a
    chunk that is written twice is known to be the same. `times` holds runs of line times.
    """

    __tablename__ = "log_chunks"
    __table_args__ = TABLE_OPTIONS

    step_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("steps.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_line: Mapped[int]
    line_count: Mapped[int]
    raw_bytes: Mapped[int]
    digest: Mapped[bytes] = mapped_column(BINARY(16))
    data: Mapped[bytes] = mapped_column(MediumBlob)
    times: Mapped[bytes] = mapped_column(MediumBlob)
    created_at: Mapped[datetime]


class LogArchive(Base):
    """A file of the archive of logs, written down before it is written.

    It is complete once chunks are in it and not in `log_chunks` any more. Without an execution,
    which was deleted, it goes at the next clean-up.
    """

    __tablename__ = "log_archives"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    execution_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("executions.id", ondelete="SET NULL")
    )
    size: Mapped[int] = mapped_column(BigInteger)
    is_complete: Mapped[bool]
    created_at: Mapped[datetime]


class ArchivedChunk(Base):
    """A chunk that was moved out of `log_chunks`: where its `data`, and after it its `times`, are
    in the file. A step has all of its chunks in one of the two tables."""

    __tablename__ = "archived_chunks"
    __table_args__ = TABLE_OPTIONS

    step_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("steps.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_line: Mapped[int]
    line_count: Mapped[int]
    raw_bytes: Mapped[int]
    digest: Mapped[bytes] = mapped_column(BINARY(16))
    archive_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("log_archives.id"))
    offset: Mapped[int] = mapped_column(BigInteger)
    data_size: Mapped[int]
    times_size: Mapped[int]
    created_at: Mapped[datetime]
