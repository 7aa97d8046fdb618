"""Find a log that the caller may read."""

import uuid
from dataclasses import dataclass

from app.auth.principals import Principal
from app.core.db import ReadSession
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB
from app.executions.errors import ExecutionNotFound, JobNotFound, StepNotFound
from app.logs.parts import Part
from app.logs.repository.reading import LogRepository


@dataclass(frozen=True, slots=True)
class Log:
    """A log: its parts in order; `ended` when no more of them and no more lines will come."""

    execution_id: uuid.UUID
    parts: list[Part]
    ended: bool


async def log_of_step(session: ReadSession, principal: Principal, step_id: uuid.UUID) -> Log:
    """The log of one step try.

    Raises: StepNotFound.
    """
    part = await LogRepository(session).part(principal, step_id)
    if part is None:
        raise StepNotFound(f"there is no step {step_id}")
    return Log(part.execution_id, [part], part.has_ended)


async def log_of_job(
    session: ReadSession, principal: Principal, job_id: uuid.UUID, *, attempt: int | None
) -> Log:
    """The log of an attempt of a job; None: the current attempt.

    Raises: JobNotFound.
    """
    repository = LogRepository(session)
    job = await repository.job(principal, job_id)
    if job is None:
        raise JobNotFound(f"there is no job {job_id}")
    parts = await repository.parts_of_job(job_id, attempt=attempt)
    ended = job.status in TERMINAL_JOB or (attempt is not None and attempt < job.attempt)
    return Log(job.execution_id, parts, ended)


async def log_of_execution(
    session: ReadSession, principal: Principal, execution_id: uuid.UUID
) -> Log:
    """The logs of all jobs of an execution, in order of the file.

    Raises: ExecutionNotFound.
    """
    repository = LogRepository(session)
    status = await repository.execution(principal, execution_id)
    if status is None:
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    parts = await repository.parts_of_execution(execution_id)
    return Log(execution_id, parts, status in TERMINAL_EXECUTION)
