"""Pages, texts and streams as HTTP responses."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.core.db import Database, ReadSession
from app.core.log_chunks import Line
from app.logs.dependencies import Window
from app.logs.parts import LogPosition, Part, parse_position, position_of
from app.logs.schemas import JobLogPage, LogLine, LogPart, StepLogPage
from app.logs.service.following import (
    Follower,
    follow_execution,
    follow_job,
    follow_step,
    parts_as_followed,
)
from app.logs.service.lookup import Log
from app.logs.service.reading import read_lines
from app.logs.service.text import text_of

# A log holds what anybody printed: a browser must neither guess its type nor run it.
SAFE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
STREAM: Mapping[str, str] = {
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
    **SAFE,
}


class Streamed(StreamingResponse):
    """Closes its source when the client goes away, not when memory is collected."""

    def __init__(
        self, source: AsyncIterator[bytes], *, media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(source, media_type=media_type, headers=headers)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert isinstance(self._source, AsyncGenerator)
        async with aclosing(self._source):
            await super().__call__(scope, receive, send)


Answer = StepLogPage | JobLogPage | Response


async def step_answer(
    session: ReadSession, follower: Follower, log: Log, window: Window, *, step_id: uuid.UUID
) -> Answer:
    """A page of one step, or a stream."""
    if window.follow:
        _resume(follower, log, window)
        return _stream(follow_step(follower, step_id, log.parts[0].job_id))
    page = await _page(session, log, window)
    return StepLogPage(part=LogPart.model_validate(log.parts[0]), **page)


async def job_answer(
    session: ReadSession, follower: Follower, log: Log, window: Window, *, job_id: uuid.UUID
) -> Answer:
    """A page of the steps of a job, or a stream."""
    if window.follow:
        _resume(follower, log, window)
        return _stream(follow_job(follower, job_id, log.execution_id))
    return await lines_page(session, log, window)


async def execution_answer(
    session: ReadSession, follower: Follower, log: Log, window: Window, *, execution_id: uuid.UUID
) -> Answer:
    """A page of all jobs of an execution, or a stream."""
    if window.follow:
        in_order = replace(log, parts=await parts_as_followed(session, execution_id))
        _resume(follower, in_order, window)
        return _stream(follow_execution(follower, execution_id))
    return await lines_page(session, log, window)


def _stream(frames: AsyncIterator[bytes]) -> Response:
    """Server-sent events."""
    return Streamed(frames, media_type="text/event-stream", headers=STREAM)


def _resume(follower: Follower, log: Log, window: Window) -> None:
    """Begin where the client was cut off, or where it wants to begin."""
    if window.last_event_id:
        step, line = parse_position(window.last_event_id)
        known = any(step in (str(part.step_id), str(part.index)) for part in log.parts)
        # The step of an attempt that was replaced meanwhile: the new one is told from its start.
        if known:
            position = position_of(f"{step}:{line + 1}", log.parts)
            follower.cursor.resume(log.parts, position.part, position.line)
    elif window.from_line:
        start = _start(log, window.from_line)
        if log.parts:
            follower.cursor.resume(log.parts, start.part, start.line)


def text(database: Database, log: Log, name: str, *, headers: bool) -> Response:
    """The whole text as the download `name`; of an ended step with its size and digest."""
    fields = {**SAFE, "Content-Disposition": f'attachment; filename="{name}.txt"'}
    if len(log.parts) == 1 and log.parts[0].complete and not headers:
        fields |= _size_and_digest(log.parts[0])
    source = text_of(database, log.parts, headers=headers)
    return Streamed(source, media_type="text/plain; charset=utf-8", headers=fields)


def _size_and_digest(part: Part) -> dict[str, str]:
    fields = {}
    if part.bytes is not None:
        fields["Content-Length"] = str(part.bytes)
    if part.sha256 is not None:
        fields["ETag"] = f'"{part.sha256}"'
    return fields


def _start(log: Log, from_line: str | None) -> LogPosition:
    """Where a page begins. A bare number is a line of the first part."""
    if not log.parts or not from_line:
        return LogPosition(0, 1)
    if ":" not in from_line:
        from_line = f"{log.parts[0].step_id}:{from_line}"
    position = position_of(from_line, log.parts)
    return LogPosition(position.part, max(1, position.line))


async def lines_page(session: ReadSession, log: Log, window: Window) -> JobLogPage:
    """A page of several steps."""
    parts = [LogPart.model_validate(part) for part in log.parts]
    return JobLogPage(parts=parts, **await _page(session, log, window))


async def _page(session: ReadSession, log: Log, window: Window) -> dict[str, Any]:
    start = _start(log, window.from_line)
    found = await read_lines(session, log.parts, start, limit=window.limit)
    return {
        "lines": [_line(part, line) for part, line in found.lines],
        "next": found.next and found.next.text(log.parts),
        "ended": log.ended,
    }


def _line(part: Part, line: Line) -> LogLine:
    return LogLine(
        step_id=part.step_id,
        step=part.index,
        number=line.number,
        at=datetime.fromtimestamp(line.at_ms / 1000, UTC),
        text=line.text,
        continued=line.continued,
    )
