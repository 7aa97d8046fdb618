"""The logs that endpoints name, as far as the caller may read them."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Query
from starlette.requests import HTTPConnection

from app.auth.dependencies import Caller, SettingsOf
from app.core.dependencies import DatabaseOf, ReadSession
from app.events import EventBus
from app.logs.service.cursor import Cursor
from app.logs.service.following import Follower
from app.logs.service.lookup import Log, log_of_execution, log_of_job, log_of_step
from app.logs.service.reading import MAX_LINES
from app.projects.dependencies import guard
from app.projects.rights import Action

Headers = Annotated[bool, Query(description="A line with job and step before each step")]
StepId = Annotated[uuid.UUID, Path(description="Id of a step try")]
JobId = Annotated[uuid.UUID, Path(description="Id of a job")]
ExecutionId = Annotated[uuid.UUID, Path(description="Id of an execution")]
Attempt = Annotated[int | None, Query(ge=1, description="Attempt of the job; the current one")]


@dataclass(frozen=True, slots=True)
class Window:
    """Which lines are wanted, and how."""

    from_line: str | None
    limit: int
    follow: bool
    last_event_id: str | None


def window_of(
    from_line: Annotated[
        str | None,
        Query(
            max_length=60,
            description="Where to begin: a line number, or `<step>:<line>` with the id or index "
            "of a step, such as the `next` of the page before",
            examples=["1", "0:1"],
        ),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LINES, description="Lines; fewer come when they are long")
    ] = 1000,
    follow: Annotated[
        bool, Query(description="Stream by server-sent events until the end")
    ] = False,
    last_event_id: Annotated[
        str | None, Header(max_length=60, description="Of a stream that was cut: go on after it")
    ] = None,
) -> Window:
    """The lines that a request asks for."""
    return Window(from_line, limit, follow, last_event_id)


WindowOf = Annotated[Window, Depends(window_of)]


def bus_of(connection: HTTPConnection) -> EventBus:
    """The event bus of the application that answers."""
    bus: EventBus = connection.app.state.runtime.events
    return bus


def follower_of(
    principal: Caller,
    database: DatabaseOf,
    settings: SettingsOf,
    bus: Annotated[EventBus, Depends(bus_of)],
) -> Follower:
    """What a stream to this caller needs."""
    cursor = Cursor(heartbeat_s=settings.realtime.heartbeat_s)
    return Follower(database, bus, principal, cursor, settings.realtime.max_lifetime_s)


FollowerOf = Annotated[Follower, Depends(follower_of)]


async def step_log(principal: Caller, session: ReadSession, step_id: StepId) -> Log:
    """The log of the step in the path."""
    return await log_of_step(session, principal, step_id)


async def job_log(
    principal: Caller, session: ReadSession, job_id: JobId, attempt: Attempt = None
) -> Log:
    """The log of the job in the path."""
    return await log_of_job(session, principal, job_id, attempt=attempt)


async def execution_log(principal: Caller, session: ReadSession, execution_id: ExecutionId) -> Log:
    """The log of the execution in the path."""
    return await log_of_execution(session, principal, execution_id)


StepLog = Annotated[Log, guard(step_log, Action.LOG_READ)]
JobLog = Annotated[Log, guard(job_log, Action.LOG_READ)]
ExecutionLog = Annotated[Log, guard(execution_log, Action.LOG_READ)]
