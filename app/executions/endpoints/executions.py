"""Reading executions, jobs and events."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.dependencies import Caller
from app.core.dependencies import ReadSession
from app.core.errors import Unavailable
from app.core.pagination import Paging
from app.core.schemas import Page
from app.engine.states import ExecutionStatus
from app.executions.errors import ExecutionNotFound, JobNotFound
from app.executions.schemas import (
    Event,
    EventRead,
    ExecutionDetail,
    ExecutionRead,
    JobDetail,
    Ref,
)
from app.executions.service.reading import (
    execution_detail,
    execution_events,
    job_detail,
    list_executions,
)

router = APIRouter(tags=["executions"], responses={503: Unavailable.doc()})


@router.get("/executions")
async def list_all(
    principal: Caller,
    session: ReadSession,
    page: Paging,
    project_id: Annotated[uuid.UUID | None, Query(description="Only of this project")] = None,
    pipeline_id: Annotated[uuid.UUID | None, Query(description="Only of this pipeline")] = None,
    status: Annotated[
        list[ExecutionStatus] | None, Query(description="Only in one of these states")
    ] = None,
    event: Annotated[Event | None, Query(description="Only started by this event")] = None,
    ref: Annotated[Ref | None, Query(description="Only of this full ref")] = None,
) -> Page[ExecutionRead]:
    """Executions, newest first."""
    found = await list_executions(
        session,
        principal=principal,
        page=page,
        project_id=project_id,
        pipeline_id=pipeline_id,
        status=status or (),
        event=event,
        ref=ref,
    )
    return Page[ExecutionRead].model_validate(found)


@router.get("/executions/{execution_id}", responses={404: ExecutionNotFound.doc()})
async def detail(
    execution_id: uuid.UUID, principal: Caller, session: ReadSession
) -> ExecutionDetail:
    """An execution with its jobs, their steps and earlier attempts."""
    return await execution_detail(session, principal=principal, execution_id=execution_id)


@router.get("/executions/{execution_id}/events", responses={404: ExecutionNotFound.doc()})
async def events(
    execution_id: uuid.UUID,
    principal: Caller,
    session: ReadSession,
    after: Annotated[
        int, Query(ge=0, lt=2**31, description="`seq` of the last event that one has")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Entries at most")] = 200,
) -> list[EventRead]:
    """The history of an execution: what happened, when and why."""
    found = await execution_events(
        session,
        principal=principal,
        execution_id=execution_id,
        after_seq=after,
        limit=limit,
    )
    return [EventRead.model_validate(event) for event in found]


@router.get("/jobs/{job_id}", responses={404: JobNotFound.doc()})
async def job(job_id: uuid.UUID, principal: Caller, session: ReadSession) -> JobDetail:
    """One job with the steps of its current attempt."""
    return await job_detail(session, principal=principal, job_id=job_id)
