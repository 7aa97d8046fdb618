"""Server-sent events of logs; the same events as on the sockets."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from app.core.clock import utcnow
from app.core.log_chunks import TIME_UNIT_MS
from app.engine.states import JobStatus, StepStatus
from app.events import JobChanged, LogWritten, StepChanged, topics
from app.events.models import Event, envelope
from app.logs.parts import Part
from app.logs.pieces import Piece
from app.logs.repository.reading import JobState, StoredChunk

MAX_TEXT = 256 * 1024
"""Bytes of text in one event."""

HEARTBEAT = b": still here\n\n"
DATABASE_AWAY = b": the database is away, trying again\n\n"


def log_event(body: bytes, step_id: UUID | str, last_line: int) -> bytes:
    """Lines, ending with `last_line`: where a client resumes."""
    return b"event: log.lines\nid: %b:%d\ndata: %b\n\n" % (str(step_id).encode(), last_line, body)


def events_of_piece(part: Part, chunk: StoredChunk, piece: Piece) -> Iterator[bytes]:
    """The lines of a stored chunk."""
    for each in piece.split(MAX_TEXT):
        last = each.next_line - 1
        event = LogWritten(
            at=chunk.created_at,
            job_id=part.job_id,
            step_id=part.step_id,
            index=part.index,
            attempt=part.attempt,
            first_line=each.first_line,
            line_count=each.line_count,
            text=each.lines.decode("utf-8", "replace"),
            times=[(count, at * TIME_UNIT_MS) for count, at in each.times.runs],
            continued=list(each.times.continued),
        )
        yield log_event(_body(topics.job_log(part.job_id), event, seq=last), part.step_id, last)


def step_event(part: Part, *, status: StepStatus | None = None) -> bytes:
    """The state of a step; `status` tells an earlier one than it has now."""
    ended = status is None
    event = StepChanged(
        execution_id=part.execution_id,
        job_id=part.job_id,
        step_id=part.step_id,
        index=part.index,
        attempt=part.attempt,
        try_number=part.try_number,
        name=part.name,
        status=part.status if status is None else status,
        outcome=StepStatus(part.outcome) if ended and part.outcome else None,
        conclusion=StepStatus(part.conclusion) if ended and part.conclusion else None,
        exit_code=part.exit_code if ended else None,
        reason=part.reason if ended else None,
        started_at=part.started_at,
        finished_at=part.finished_at if ended else None,
        lines=part.lines if ended else None,
        complete=part.complete if ended else None,
    )
    return _event(topics.job_log(part.job_id), event)


def job_event(job: JobState, *, status: JobStatus | None = None) -> bytes:
    """The state of a job; `status` tells an earlier one than it has now."""
    event = JobChanged(
        execution_id=job.execution_id,
        job_id=job.id,
        key=job.key,
        name=job.name,
        attempt=job.attempt,
        status=job.status if status is None else status,
        reason=job.reason if status is None else None,
    )
    return _event(topics.execution(job.execution_id), event)


def end_event(topic: str, **data: Any) -> bytes:
    """The last event of a stream."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    body = envelope(topic, kind="log.end", seq=None, at=utcnow(), data=text)
    return b"event: log.end\ndata: %b\n\n" % body


def _event(topic: str, event: Event) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event.type.encode(), _body(topic, event, seq=None))


def _body(topic: str, event: Event, *, seq: int | None) -> bytes:
    return envelope(topic, kind=event.type, seq=seq, at=event.at, data=event.model_dump_json())
