"""Pipelines."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.dependencies import Caller, CurrentUser
from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.pipelines.checking import inspect_in_thread
from app.pipelines.dependencies import CheckedPipeline, reads_pipeline, writes_pipeline
from app.pipelines.errors import InvalidPipeline, PipelineNotFound, PipelineSlugTaken
from app.pipelines.repository import PipelineRepository
from app.pipelines.schemas import (
    Files,
    Inspection,
    PipelineCreate,
    PipelineRead,
    PipelineUpdate,
)
from app.pipelines.service.access import PipelineAccess
from app.pipelines.service.pipelines import create_pipeline, delete_pipeline, update_pipeline
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    tags=["pipelines"], responses={401: Unauthenticated.doc(), 403: InsufficientScope.doc()}
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: PipelineNotFound.doc()}


@router.get("/pipelines")
async def list_pipelines(
    principal: Caller, session: ReadSession, paging: Paging
) -> Page[PipelineRead]:
    """The pipelines of all projects that the caller may see, newest first."""
    found = await PipelineRepository(session).list(principal, paging)
    return Page[PipelineRead].model_validate(found)


@router.post("/pipelines/inspect")
async def inspect(_principal: CurrentUser, body: Files) -> Inspection:
    """Check files without storing them."""
    return Inspection.of(*await inspect_in_thread(body.source, body.files))


@router.get("/projects/{project}/pipelines", responses={404: ProjectNotFound.doc()})
async def list_of_project(
    access: Annotated[Access, reads(Action.PIPELINE_READ)],
    session: ReadSession,
    paging: Paging,
) -> Page[PipelineRead]:
    """The pipelines of a project, newest first."""
    found = await PipelineRepository(session).list(
        access.principal, paging, project_id=access.project.id
    )
    return Page[PipelineRead].model_validate(found)


@router.post(
    "/projects/{project}/pipelines",
    status_code=status.HTTP_201_CREATED,
    responses={
        404: ProjectNotFound.doc(),
        409: PipelineSlugTaken.doc(),
        422: InvalidPipeline.doc(),
    },
)
async def create(
    checked: CheckedPipeline,
    access: Annotated[Access, writes(Action.PIPELINE_WRITE)],
    body: PipelineCreate,
    session: Session,
) -> PipelineRead:
    """Make a pipeline with its first version."""
    pipeline = await create_pipeline(
        session,
        by=access.principal,
        project_id=access.project.id,
        checked=checked,
        slug=body.slug,
        name=body.name,
        description=body.description,
        message=body.message,
    )
    return PipelineRead.model_validate(pipeline)


@router.get("/pipelines/{pipeline_id}", responses=NOT_FOUND)
async def get(
    access: Annotated[PipelineAccess, reads_pipeline(Action.PIPELINE_READ)],
) -> PipelineRead:
    """One pipeline."""
    return PipelineRead.model_validate(access.pipeline)


@router.patch("/pipelines/{pipeline_id}", responses={**NOT_FOUND, 409: PipelineSlugTaken.doc()})
async def update(
    access: Annotated[PipelineAccess, writes_pipeline(Action.PIPELINE_WRITE)],
    body: PipelineUpdate,
    session: Session,
) -> PipelineRead:
    """Change a pipeline; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    pipeline = await update_pipeline(
        session, by=access.principal, pipeline=access.pipeline, changes=changes
    )
    return PipelineRead.model_validate(pipeline)


@router.delete(
    "/pipelines/{pipeline_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND
)
async def delete(
    access: Annotated[PipelineAccess, writes_pipeline(Action.PIPELINE_DELETE)], session: Session
) -> None:
    """Delete a pipeline with its versions and executions."""
    await delete_pipeline(session, by=access.principal, pipeline=access.pipeline)
