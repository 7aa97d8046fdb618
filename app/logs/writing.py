"""Chunks are written by the claim holder, under its token, before anyone sees them.

A chunk is one INSERT … SELECT that inserts nothing when the token no longer holds the job.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, insert, literal, select
from sqlalchemy.exc import IntegrityError

from app.core import metrics
from app.core.clock import db_now
from app.core.db import AsyncSession, Database, after_commit
from app.core.orm import Id, MediumBlob
from app.events import LogWritten, log_written, publish_after_commit
from app.executions.models import Job
from app.logs.models import LogChunk


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk of one step attempt; see `LogChunk` for its fields."""

    step_id: uuid.UUID
    index: int
    attempt: int
    number: int
    first_line: int
    line_count: int
    raw_bytes: int
    digest: bytes
    data: bytes
    times: bytes


async def write_chunks(
    database: Database, *, job_id: uuid.UUID, token: uuid.UUID, chunks: Sequence[ChunkRow]
) -> bool:
    """Store these chunks in one transaction, then announce them.

    Returns False when the token no longer holds the job: nothing was stored. A chunk that is
    there already with the same digest counts as stored.
    Raises: Unavailable when the database is away.
    """

    async def write(session: AsyncSession) -> bool:
        for chunk in chunks:
            if not await _insert(session, job_id, token, chunk):
                return False
        size = sum(chunk.raw_bytes for chunk in chunks)
        after_commit(session, partial(metrics.log_bytes.inc, size))
        publish_after_commit(session, *[_event(job_id, chunk) for chunk in chunks])
        return True

    try:
        return await database.transact(write)
    except IntegrityError:
        missing = await _missing(database, chunks)
        if len(missing) == len(chunks):
            raise
        return await write_chunks(database, job_id=job_id, token=token, chunks=missing)


async def _insert(
    session: AsyncSession, job_id: uuid.UUID, token: uuid.UUID, chunk: ChunkRow
) -> bool:
    columns = [
        "step_id",
        "number",
        "first_line",
        "line_count",
        "raw_bytes",
        "digest",
        "data",
        "times",
        "created_at",
    ]
    held = select(
        literal(chunk.step_id, Id()),
        literal(chunk.number),
        literal(chunk.first_line),
        literal(chunk.line_count),
        literal(chunk.raw_bytes),
        literal(chunk.digest),
        bindparam("chunk_data", chunk.data, MediumBlob()),
        bindparam("chunk_times", chunk.times, MediumBlob()),
        db_now(),
    ).where(Job.id == job_id, Job.claim_token == token)
    result = await session.execute(insert(LogChunk).from_select(columns, held))
    return cast(CursorResult[Any], result).rowcount == 1


async def _missing(database: Database, chunks: Sequence[ChunkRow]) -> list[ChunkRow]:
    async with database.read() as session:
        rows = await session.execute(
            select(LogChunk.step_id, LogChunk.number, LogChunk.digest).where(
                LogChunk.step_id.in_({chunk.step_id for chunk in chunks}),
                LogChunk.number.in_({chunk.number for chunk in chunks}),
            )
        )
        stored = {(step_id, number): bytes(digest) for step_id, number, digest in rows}
    return [chunk for chunk in chunks if stored.get((chunk.step_id, chunk.number)) != chunk.digest]


def _event(job_id: uuid.UUID, chunk: ChunkRow) -> LogWritten:
    return log_written(
        job_id=job_id,
        step_id=chunk.step_id,
        index=chunk.index,
        attempt=chunk.attempt,
        first_line=chunk.first_line,
        line_count=chunk.line_count,
        raw_bytes=chunk.raw_bytes,
        data=chunk.data,
        times=chunk.times,
    )
