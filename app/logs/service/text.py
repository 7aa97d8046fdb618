"""The text of logs, chunk by chunk: no session is open while a client reads slowly."""

from collections.abc import AsyncIterator, Sequence

from app.core.db import Database
from app.logs.parts import Part
from app.logs.pieces import piece_of
from app.logs.repository.reading import LogRepository, StoredChunk

_CHUNKS_AT_ONCE = 4
"""Chunks in memory: each about 1 MiB of text."""


async def text_of(
    database: Database, parts: Sequence[Part], *, headers: bool = False
) -> AsyncIterator[bytes]:
    """The stored text of these parts in order: of one step exactly the bytes of its `sha256`.

    Parameters: `headers` puts a line with job and step before each part.
    Raises: ChunkIsDamaged, Unavailable.
    """
    for part in parts:
        if not part.may_have_lines:
            continue
        if headers:
            yield f"==> {_title(part)} <==\n".encode()
        async for piece in _text_of_part(database, part):
            yield piece


def _title(part: Part) -> str:
    again = f" (try {part.try_number})" if part.try_number > 1 else ""
    return " ".join(f"{part.job_name} / {part.name}{again}".split())


async def _text_of_part(database: Database, part: Part) -> AsyncIterator[bytes]:
    line, number = 1, 0
    while chunks := await _read(database, part, number, line):
        for chunk in chunks:
            piece = piece_of(
                chunk.data,
                chunk.times,
                first_line=chunk.first_line,
                line_count=chunk.line_count,
                start=line,
            )
            yield piece.text()
            line, number = piece.next_line, chunk.number
        if part.lines is not None and line > part.lines:
            return


async def _read(database: Database, part: Part, number: int, line: int) -> list[StoredChunk]:
    async with database.read() as session:
        return await LogRepository(session).chunks_after(
            part.step_id,
            number=number,
            first_line=line,
            limit=_CHUNKS_AT_ONCE,
            ended=part.has_ended,
        )
