"""Logs of steps, jobs and executions: pages of lines, whole texts, live streams."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from app.core.dependencies import DatabaseOf, ReadSession
from app.executions.errors import ExecutionNotFound, JobNotFound, StepNotFound
from app.logs.answers import Answer, execution_answer, job_answer, step_answer, text
from app.logs.dependencies import (
    ExecutionId,
    ExecutionLog,
    FollowerOf,
    Headers,
    JobId,
    JobLog,
    StepId,
    StepLog,
    WindowOf,
)
from app.logs.parts import LogPositionIsUnknown
from app.logs.schemas import JobLogPage, StepLogPage

router = APIRouter(tags=["logs"])

_LINES: dict[str, Any] = {
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
    "description": "A page of lines, or with `follow` a stream of `log.lines`, `step.changed` and "
    "at last `log.end`",
}
_TEXT: dict[str, Any] = {
    "content": {"text/plain": {"schema": {"type": "string"}}},
    "description": "The stored text; of an ended step exactly the bytes of its `sha256`",
}
_STEP: dict[int | str, dict[str, Any]] = {
    400: LogPositionIsUnknown.doc(),
    404: StepNotFound.doc(),
}
_JOB: dict[int | str, dict[str, Any]] = {400: LogPositionIsUnknown.doc(), 404: JobNotFound.doc()}
_EXECUTION: dict[int | str, dict[str, Any]] = {
    400: LogPositionIsUnknown.doc(),
    404: ExecutionNotFound.doc(),
}


@router.get("/steps/{step_id}/logs", response_model=StepLogPage, responses={200: _LINES, **_STEP})
async def step_lines(
    log: StepLog,
    step_id: StepId,
    session: ReadSession,
    follower: FollowerOf,
    window: WindowOf,
) -> Answer:
    """Lines of one step try, numbered from 1; with `follow` a live stream."""
    return await step_answer(session, follower, log, window, step_id=step_id)


@router.get("/jobs/{job_id}/logs", response_model=JobLogPage, responses={200: _LINES, **_JOB})
async def job_lines(
    log: JobLog, job_id: JobId, session: ReadSession, follower: FollowerOf, window: WindowOf
) -> Answer:
    """Lines of the steps of a job, in order; with `follow` a live stream."""
    return await job_answer(session, follower, log, window, job_id=job_id)


@router.get(
    "/executions/{execution_id}/logs",
    response_model=JobLogPage,
    responses={200: _LINES, **_EXECUTION},
)
async def execution_lines(
    log: ExecutionLog,
    execution_id: ExecutionId,
    session: ReadSession,
    follower: FollowerOf,
    window: WindowOf,
) -> Answer:
    """Lines of all jobs; with `follow` a live stream, one job after the other as they start."""
    return await execution_answer(session, follower, log, window, execution_id=execution_id)


@router.get("/steps/{step_id}/logs.txt", response_class=Response, responses={200: _TEXT, **_STEP})
async def step_text(log: StepLog, step_id: StepId, database: DatabaseOf) -> Response:
    """The whole text of a step: `curl … | sha256sum` gives the `sha256` of the step."""
    return text(database, log, f"step-{step_id}", headers=False)


@router.get("/jobs/{job_id}/logs.txt", response_class=Response, responses={200: _TEXT, **_JOB})
async def job_text(
    log: JobLog, job_id: JobId, database: DatabaseOf, headers: Headers = False
) -> Response:
    """The texts of the steps of a job, one after the other."""
    return text(database, log, f"job-{job_id}", headers=headers)


@router.get(
    "/executions/{execution_id}/logs.txt",
    response_class=Response,
    responses={200: _TEXT, **_EXECUTION},
)
async def execution_text(
    log: ExecutionLog,
    execution_id: ExecutionId,
    database: DatabaseOf,
    headers: Headers = True,
) -> Response:
    """The texts of all steps of all jobs, each after a line that names it."""
    return text(database, log, f"execution-{execution_id}", headers=headers)
