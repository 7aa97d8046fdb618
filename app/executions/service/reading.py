"""What the API shows of executions; constant numbers of statements."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from app.auth.principals import Principal
from app.core.db import ReadSession
from app.core.pagination import PageParams, Slice
from app.engine.states import TERMINAL_JOB, ExecutionStatus
from app.executions.models import Execution, ExecutionEvent, Job, JobAttempt, Step
from app.executions.repository.reading import ExecutionRepository
from app.executions.schemas import (
    AttemptRead,
    ExecutionAttemptRead,
    ExecutionDetail,
    ExecutionRead,
    JobDetail,
    JobRead,
    StepRead,
)
from app.executions.service.waiting import Wait, held_for_approval, waits_of


async def list_executions(
    session: ReadSession,
    *,
    principal: Principal,
    page: PageParams,
    project_id: uuid.UUID | None = None,
    pipeline_id: uuid.UUID | None = None,
    status: Sequence[ExecutionStatus] = (),
    event: str | None = None,
    ref: str | None = None,
) -> Slice[Execution]:
    """Executions that the caller may see, newest first: 1 statement."""
    return await (
        ExecutionRepository(session)
        .visible_to(principal)
        .list(
            page,
            project_id=project_id,
            pipeline_id=pipeline_id,
            status=status,
            event=event,
            ref=ref,
        )
    )


async def execution_detail(
    session: ReadSession, *, principal: Principal, execution_id: uuid.UUID
) -> ExecutionDetail:
    """An execution with jobs, steps and earlier attempts: 6 statements for any number of jobs, and
    at most 3 more when some wait.

    Raises: ExecutionNotFound.
    """
    repository = ExecutionRepository(session).visible_to(principal)
    execution = await repository.require(execution_id)
    jobs = await repository.jobs(execution_id)
    steps = _steps_by_attempt(await repository.steps(execution_id))
    attempts = _by_job(await repository.attempts([job.id for job in jobs]))
    waits = await _waits(session, execution, jobs)
    earlier = await repository.execution_attempts(execution_id) if execution.attempt > 1 else ()
    return ExecutionDetail(
        **ExecutionRead.model_validate(execution).model_dump(),
        version=await repository.version_number(execution.version_id),
        attempts=[ExecutionAttemptRead.model_validate(attempt) for attempt in earlier],
        jobs=[
            _job_detail(
                job,
                steps.get((job.id, job.attempt), []),
                attempts.get(job.id, []),
                waits.get(job.id),
            )
            for job in jobs
        ],
    )


async def job_detail(session: ReadSession, *, principal: Principal, job_id: uuid.UUID) -> JobDetail:
    """One job with the steps of its current attempt: 3 statements, or at most 6 if it waits.

    Raises: JobNotFound.
    """
    repository = ExecutionRepository(session).visible_to(principal)
    execution, job = await repository.require_job(job_id)
    steps = _steps_by_attempt(await repository.steps(execution.id, job_id))
    attempts = await repository.attempts([job_id])
    wait = (await _waits(session, execution, [job])).get(job_id)
    return _job_detail(job, steps.get((job_id, job.attempt), []), attempts, wait)


async def _waits(
    session: ReadSession, execution: Execution, jobs: Sequence[Job]
) -> Mapping[uuid.UUID, Wait]:
    held = held_for_approval(execution)
    if held is None:
        return await waits_of(session, jobs)
    return {job.id: held for job in jobs if job.status not in TERMINAL_JOB}


async def execution_events(
    session: ReadSession,
    *,
    principal: Principal,
    execution_id: uuid.UUID,
    after_seq: int,
    limit: int,
) -> Sequence[ExecutionEvent]:
    """The history after `after_seq`: 2 statements.

    Raises: ExecutionNotFound.
    """
    repository = ExecutionRepository(session).visible_to(principal)
    await repository.require(execution_id)
    return await repository.events(execution_id, after_seq=after_seq, limit=limit)


def _steps_by_attempt(steps: Sequence[Step]) -> Mapping[tuple[uuid.UUID, int], list[Step]]:
    grouped: dict[tuple[uuid.UUID, int], list[Step]] = defaultdict(list)
    for step in steps:
        grouped[step.job_id, step.attempt].append(step)
    return grouped


def _by_job(attempts: Sequence[JobAttempt]) -> Mapping[uuid.UUID, list[JobAttempt]]:
    grouped: dict[uuid.UUID, list[JobAttempt]] = defaultdict(list)
    for attempt in attempts:
        grouped[attempt.job_id].append(attempt)
    return grouped


def _job_detail(
    job: Job, steps: Sequence[Step], attempts: Sequence[JobAttempt], wait: Wait | None
) -> JobDetail:
    return JobDetail(
        **JobRead.model_validate(job).model_dump(),
        why=None if wait is None else wait.why,
        steps=[StepRead.model_validate(step) for step in steps],
        attempts=[AttemptRead.model_validate(attempt) for attempt in attempts],
    )
