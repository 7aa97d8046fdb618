"""Schedules over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.pipelines.dependencies import reads_pipeline, writes_pipeline
from app.pipelines.errors import PipelineNotFound
from app.pipelines.service.access import PipelineAccess
from app.projects.dependencies import reads
from app.projects.errors import ProjectNotFound, RoleTooLow
from app.projects.rights import Action
from app.projects.service.access import Access
from app.triggers.schedules.dependencies import ScheduleAccess, reads_schedule, writes_schedule
from app.triggers.schedules.errors import (
    InvalidSchedule,
    ScheduleIsDefined,
    ScheduleNotFound,
    TooManySchedules,
)
from app.triggers.schedules.repository.fires import FireRepository
from app.triggers.schedules.repository.schedules import ScheduleRepository
from app.triggers.schedules.schemas import (
    FireRead,
    ScheduleCreate,
    ScheduleRead,
    ScheduleUpdate,
    Upcoming,
)
from app.triggers.schedules.service.schedules import (
    create_schedule,
    delete_schedule,
    next_fires,
    update_schedule,
)

router = APIRouter(
    tags=["schedules"], responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc()}
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: ScheduleNotFound.doc()}
NO_PIPELINE: dict[int | str, dict[str, Any]] = {404: PipelineNotFound.doc()}
Readable = Annotated[ScheduleAccess, reads_schedule(Action.SCHEDULE_READ)]
Writable = Annotated[ScheduleAccess, writes_schedule(Action.SCHEDULE_WRITE)]


@router.get("/projects/{project}/schedules", responses={404: ProjectNotFound.doc()})
async def list_of_project(
    access: Annotated[Access, reads(Action.SCHEDULE_READ)], session: ReadSession, paging: Paging
) -> Page[ScheduleRead]:
    """The schedules of a project, newest first."""
    found = await ScheduleRepository(session).of_project(access.project.id, paging)
    return Page[ScheduleRead].model_validate(found)


@router.get("/pipelines/{pipeline_id}/schedules", responses=NO_PIPELINE)
async def list_of_pipeline(
    access: Annotated[PipelineAccess, reads_pipeline(Action.SCHEDULE_READ)],
    session: ReadSession,
    paging: Paging,
) -> Page[ScheduleRead]:
    """The schedules of a pipeline, newest first."""
    found = await ScheduleRepository(session).of_pipeline(access.pipeline.id, paging)
    return Page[ScheduleRead].model_validate(found)


@router.post(
    "/pipelines/{pipeline_id}/schedules",
    status_code=status.HTTP_201_CREATED,
    responses={**NO_PIPELINE, 409: TooManySchedules.doc(), 422: InvalidSchedule.doc()},
)
async def create(
    access: Annotated[PipelineAccess, writes_pipeline(Action.SCHEDULE_WRITE)],
    body: ScheduleCreate,
    session: Session,
) -> ScheduleRead:
    """Make a schedule; it fires with the rights that the caller has at that time."""
    schedule = await create_schedule(
        session, by=access.principal, pipeline=access.pipeline, fields=dict(body)
    )
    return ScheduleRead.model_validate(schedule)


@router.get("/schedules/{schedule_id}", responses=NOT_FOUND)
async def get(access: Readable) -> ScheduleRead:
    """One schedule."""
    return ScheduleRead.model_validate(access.schedule)


@router.patch(
    "/schedules/{schedule_id}",
    responses={**NOT_FOUND, 409: ScheduleIsDefined.doc(), 422: InvalidSchedule.doc()},
)
async def update(access: Writable, body: ScheduleUpdate, session: Session) -> ScheduleRead:
    """Change a schedule, which is the caller's from then on; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    schedule = await update_schedule(
        session, by=access.principal, schedule=access.schedule, changes=changes
    )
    return ScheduleRead.model_validate(schedule)


@router.delete(
    "/schedules/{schedule_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={**NOT_FOUND, 409: ScheduleIsDefined.doc()},
)
async def delete(access: Writable, session: Session) -> None:
    """Delete a schedule; what it started stays."""
    await delete_schedule(session, by=access.principal, schedule=access.schedule)


@router.get("/schedules/{schedule_id}/fires", responses=NOT_FOUND)
async def list_fires(access: Readable, session: ReadSession, paging: Paging) -> Page[FireRead]:
    """What a schedule fired and what became of it, newest first."""
    found = await FireRepository(session).list(access.schedule.id, paging)
    return Page[FireRead].model_validate(found)


@router.get("/schedules/{schedule_id}/upcoming", responses=NOT_FOUND)
async def list_upcoming(
    access: Readable,
    session: ReadSession,
    count: Annotated[int, Query(ge=1, le=20, description="How many")] = 5,
) -> Upcoming:
    """When a schedule will fire next."""
    now = await ScheduleRepository(session).now()
    return Upcoming(fires=next_fires(access.schedule, after=now, count=count))
