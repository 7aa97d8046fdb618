"""A million lines are served in pieces: memory does not grow with the log."""

import hashlib
import tracemalloc

import pytest

from app.auth.principals import SYSTEM
from app.core.clock import utcnow
from app.core.db import Database
from app.core.log_chunks import Times, compress, digest, encode_times
from app.logs.models import LogChunk
from app.logs.service.lookup import log_of_step
from app.logs.service.text import text_of
from tests.logs.conftest import LogFactory, LoggedStep

LINES, PER_CHUNK = 1_000_000, 10_000


async def million(logged: LogFactory) -> tuple[LoggedStep, str]:
    """A step with a million lines of 100 bytes, and their digest."""
    step = await logged.step(await logged.job(await logged.execution()))
    whole = hashlib.sha256()
    for number in range(LINES // PER_CHUNK):
        text = b"".join(b"%099d\n" % (number * PER_CHUNK + line) for line in range(PER_CHUNK))
        whole.update(text)
        data, times = compress(text), encode_times(Times([(PER_CHUNK, 1)]))
        row = LogChunk(
            step_id=step.id,
            number=number + 1,
            first_line=number * PER_CHUNK + 1,
            line_count=PER_CHUNK,
            raw_bytes=len(text),
            digest=digest(data, times),
            data=data,
            times=times,
            created_at=utcnow(),
        )
        async with logged.database.session() as session:
            session.add(row)
    return step, whole.hexdigest()


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_a_million_lines_are_served_with_little_memory(
    logged: LogFactory, database: Database
) -> None:
    step, wanted = await million(logged)
    async with database.read() as session:
        log = await log_of_step(session, SYSTEM, step.id)
    served, size = hashlib.sha256(), 0
    tracemalloc.start()
    try:
        async for piece in text_of(database, log.parts):
            served.update(piece)
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == LINES * 100
    assert served.hexdigest() == wanted
    assert peak < 16 * 1024 * 1024
