"""Log events from stored chunks: the same for the live event and for what is read back."""

from uuid import UUID

from app.core.log_chunks import TIME_UNIT_MS, decode_times, decompress
from app.events.models import MAX_BODY, LogWritten


def log_written(
    *,
    job_id: UUID,
    step_id: UUID,
    index: int,
    attempt: int,
    first_line: int,
    line_count: int,
    raw_bytes: int,
    data: bytes,
    times: bytes,
    whole: bool = False,
) -> LogWritten:
    """The event of one chunk.

    Parameters: `data` and `times` as `app.core.log_chunks` makes them; `whole` includes the text
    even if it is over 32 KiB.
    Raises: ChunkIsDamaged.
    """
    event = LogWritten(
        job_id=job_id,
        step_id=step_id,
        index=index,
        attempt=attempt,
        first_line=first_line,
        line_count=line_count,
    )
    if raw_bytes > MAX_BODY and not whole:
        return event
    decoded = decode_times(times)
    return event.model_copy(
        update={
            "text": decompress(data).decode("utf-8", "replace"),
            "times": [(count, at * TIME_UNIT_MS) for count, at in decoded.runs],
            "continued": list(decoded.continued),
        }
    )
