"""Follow a log: subscribe, read history, join by line number, ask the database when it is silent.

The database is the truth; a message of the bus saves a read when it goes on exactly where the
follower is, and otherwise only says that there is something to read. No session is held while
waiting. What the caller may see is asked anew with every read.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.auth.principals import Principal
from app.core.db import Database, ReadSession
from app.core.errors import Unavailable
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, ExecutionStatus, JobStatus
from app.events import EventBus, JobChanged, Message, topics
from app.logs import frames
from app.logs.inbox import Inbox, listening
from app.logs.parts import Part
from app.logs.repository.reading import JobState, LogRepository
from app.logs.service.cursor import SILENCE_S, Cursor

_STARTED = TERMINAL_JOB | {JobStatus.RUNNING, JobStatus.CANCELLING}


@dataclass(frozen=True, slots=True)
class Follower:
    """What one stream needs. It ends after `lifetime_s` seconds; the client connects again."""

    database: Database
    bus: EventBus
    principal: Principal
    cursor: Cursor = field(default_factory=Cursor)
    lifetime_s: float = 6 * 3600.0
    born: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """True when the stream has lived long enough."""
        return time.monotonic() - self.born > self.lifetime_s


@dataclass(frozen=True, slots=True)
class _View:
    """What there is to follow now; `end` is the last frame, once nothing more will come."""

    parts: Sequence[Part]
    end: bytes | None


async def follow_step(
    follower: Follower, step_id: uuid.UUID, job_id: uuid.UUID
) -> AsyncIterator[bytes]:
    """Frames until the step has ended."""

    async def look() -> _View | None:
        async with follower.database.read() as session:
            now = await LogRepository(session).part(follower.principal, step_id)
        return None if now is None else _View([now], _end_of_step(now) if now.has_ended else None)

    async with listening(follower.bus, topics.job_log(job_id)) as inbox:
        async for frame in _follow(follower, inbox, look):
            yield frame


async def follow_job(
    follower: Follower, job_id: uuid.UUID, execution_id: uuid.UUID
) -> AsyncIterator[bytes]:
    """Frames until the job has ended: its steps in order, of later attempts as well."""

    async def look() -> _View | None:
        found = await _job(follower, job_id)
        if found is None:
            return None
        job, parts = found
        return _View(parts, _end_of_job(job) if job.status in TERMINAL_JOB else None)

    async for frame in _follow_job(follower, job_id, execution_id, look):
        yield frame


async def follow_execution(follower: Follower, execution_id: uuid.UUID) -> AsyncIterator[bytes]:
    """Frames until the execution has ended: one job after the other, in the order they start.

    So a line has one place in the stream, and `Last-Event-ID` names it.
    """
    topic = topics.execution(execution_id)
    done: set[tuple[uuid.UUID, int]] = set()
    async with listening(follower.bus, topic) as inbox:
        while not follower.is_over:
            try:
                found = await _execution(follower, execution_id)
            except Unavailable:
                yield frames.DATABASE_AWAY
                await asyncio.sleep(SILENCE_S)
                continue
            if found is None:
                return
            status, jobs = found
            started = [job for job in jobs if (job.id, job.attempt) not in done]
            if started:
                async for frame in _job_of_execution(follower, started[0]):
                    yield frame
                done.add((started[0].id, started[0].attempt))
            elif status in TERMINAL_EXECUTION:
                yield frames.end_event(topic, status=status)
                return
            elif await inbox.next(SILENCE_S) is None:
                yield follower.cursor.sent(frames.HEARTBEAT)


async def parts_as_followed(session: ReadSession, execution_id: uuid.UUID) -> list[Part]:
    """The parts of an execution in the order in which `follow_execution` tells them."""
    repository = LogRepository(session)
    order = {
        job.id: place for place, job in enumerate(_started(await repository.jobs(execution_id)))
    }
    parts = await repository.parts_of_execution(execution_id)
    return sorted(
        (part for part in parts if part.job_id in order), key=lambda part: order[part.job_id]
    )


async def _job_of_execution(follower: Follower, job: JobState) -> AsyncIterator[bytes]:
    """A job until it ended or another attempt took its place."""
    begun = False

    async def look() -> _View | None:
        nonlocal begun
        found = await _job(follower, job.id)
        if found is None:
            return None
        now, parts = found
        begun = begun or any(not follower.cursor.is_done(part) for part in parts)
        ended = now.status in TERMINAL_JOB or now.attempt != job.attempt
        return _View(parts if now.attempt == job.attempt else [], b"" if ended else None)

    first = True
    async for frame in _follow_job(follower, job.id, job.execution_id, look):
        if first and begun:
            first = False
            yield frames.job_event(job, status=JobStatus.RUNNING)
        if frame:
            yield frame
    if begun:
        async with follower.database.read() as session:
            now = await LogRepository(session).job(follower.principal, job.id)
        if now is not None:
            yield frames.job_event(now)


async def _follow_job(
    follower: Follower,
    job_id: uuid.UUID,
    execution_id: uuid.UUID,
    look: Callable[[], Awaitable[_View | None]],
) -> AsyncIterator[bytes]:
    """Hear the lines and steps of a job, and of its execution what is about this job."""
    log, name = topics.job_log(job_id), str(job_id).encode()

    def wanted(message: Message) -> bool:
        return message.topic == log or (message.type == JobChanged.type and name in message.body)

    execution = topics.execution(execution_id)
    async with listening(follower.bus, log, execution, wanted=wanted) as inbox:
        async for frame in _follow(follower, inbox, look):
            yield frame


async def _follow(
    follower: Follower, inbox: Inbox, look: Callable[[], Awaitable[_View | None]]
) -> AsyncIterator[bytes]:
    while not follower.is_over:
        try:
            view = await look()
            if view is None:
                return
            async for frame in _catch_up(follower, view):
                yield frame
        except Unavailable:
            yield frames.DATABASE_AWAY
            await asyncio.sleep(SILENCE_S)
            continue
        if view.end is not None:
            yield view.end
            return
        async for frame in follower.cursor.live(inbox, view.parts):
            yield frame


async def _catch_up(follower: Follower, view: _View) -> AsyncIterator[bytes]:
    for part in view.parts:
        async for frame in follower.cursor.catch_up(follower.database, part):
            yield frame
        if not part.has_ended and view.end is None:
            # Steps run one after the other: what comes later is told later.
            return


async def _job(follower: Follower, job_id: uuid.UUID) -> tuple[JobState, list[Part]] | None:
    async with follower.database.read() as session:
        repository = LogRepository(session)
        job = await repository.job(follower.principal, job_id)
        return None if job is None else (job, await repository.parts_of_job(job_id))


async def _execution(
    follower: Follower, execution_id: uuid.UUID
) -> tuple[ExecutionStatus, list[JobState]] | None:
    """Its status, and the jobs that started, in that order."""
    async with follower.database.read() as session:
        repository = LogRepository(session)
        status = await repository.execution(follower.principal, execution_id)
        if status is None:
            return None
        jobs = await repository.jobs(execution_id)
    return status, _started(jobs)


def _started(jobs: Sequence[JobState]) -> list[JobState]:
    started = [(job.started_at, job.key, job) for job in jobs if job.started_at is not None]
    started.sort(key=lambda each: each[:2])
    return [job for _, _, job in started if job.status in _STARTED]


def _end_of_step(part: Part) -> bytes:
    return frames.end_event(
        topics.job_log(part.job_id),
        status=part.status,
        conclusion=part.conclusion,
        lines=part.lines,
        bytes=part.bytes,
        sha256=part.sha256,
        complete=part.complete,
    )


def _end_of_job(job: JobState) -> bytes:
    return frames.end_event(
        topics.job_log(job.id), status=job.status, attempt=job.attempt, reason=job.reason
    )
