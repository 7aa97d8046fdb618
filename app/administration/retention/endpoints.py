"""Retention of a project's or a pipeline's executions, over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.administration.retention.schemas import RetentionRead, RetentionWrite
from app.administration.retention.service import effective_rule, remove_rule, set_rule
from app.core.dependencies import ReadSession, Session
from app.core.errors import Conflict, Unauthenticated
from app.pipelines.dependencies import reads_pipeline, writes_pipeline
from app.pipelines.errors import PipelineNotFound
from app.pipelines.service.access import PipelineAccess
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound, RoleTooLow
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    tags=["administration"], responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc()}
)
NO_PROJECT: dict[int | str, dict[str, Any]] = {404: ProjectNotFound.doc()}
NO_PIPELINE: dict[int | str, dict[str, Any]] = {404: PipelineNotFound.doc()}
WritableProject = Annotated[Access, writes(Action.EXECUTION_DELETE)]
WritablePipeline = Annotated[PipelineAccess, writes_pipeline(Action.EXECUTION_DELETE)]


@router.get("/projects/{project}/retention", responses=NO_PROJECT)
async def get_of_project(
    access: Annotated[Access, reads(Action.EXECUTION_READ)], session: ReadSession
) -> RetentionRead:
    """How long executions of a project are kept."""
    return RetentionRead.model_validate(await effective_rule(session, project_id=access.project.id))


@router.put("/projects/{project}/retention", responses={**NO_PROJECT, 409: Conflict.doc()})
async def put_of_project(
    access: WritableProject, body: RetentionWrite, session: Session
) -> RetentionRead:
    """Say how long executions of a project are kept; what goes is looked at once a day."""
    rule = await set_rule(
        session, by=access.principal, project=access.project, fields=body.model_dump()
    )
    return RetentionRead.model_validate(rule)


@router.delete(
    "/projects/{project}/retention",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=NO_PROJECT,
)
async def delete_of_project(access: WritableProject, session: Session) -> None:
    """Keep the executions of a project for ever."""
    await remove_rule(session, by=access.principal, project=access.project)


@router.get("/pipelines/{pipeline_id}/retention", responses=NO_PIPELINE)
async def get_of_pipeline(
    access: Annotated[PipelineAccess, reads_pipeline(Action.EXECUTION_READ)], session: ReadSession
) -> RetentionRead:
    """How long executions of a pipeline are kept: by its own rule, else by its project's."""
    rule = await effective_rule(
        session, project_id=access.project.id, pipeline_id=access.pipeline.id
    )
    return RetentionRead.model_validate(rule)


@router.put("/pipelines/{pipeline_id}/retention", responses={**NO_PIPELINE, 409: Conflict.doc()})
async def put_of_pipeline(
    access: WritablePipeline, body: RetentionWrite, session: Session
) -> RetentionRead:
    """Say how long executions of a pipeline are kept, whatever its project says."""
    rule = await set_rule(
        session,
        by=access.principal,
        project=access.project,
        pipeline_id=access.pipeline.id,
        fields=body.model_dump(),
    )
    return RetentionRead.model_validate(rule)


@router.delete(
    "/pipelines/{pipeline_id}/retention",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=NO_PIPELINE,
)
async def delete_of_pipeline(access: WritablePipeline, session: Session) -> None:
    """Let a pipeline follow the rule of its project."""
    await remove_rule(
        session, by=access.principal, project=access.project, pipeline_id=access.pipeline.id
    )
