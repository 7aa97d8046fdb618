"""How the executions of a project or a pipeline went."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.auth.errors import InsufficientScope
from app.core.errors import Unauthenticated, Unavailable
from app.executions.dependencies import AnalysedPipeline, AnalysedProject
from app.executions.figures import Analytics
from app.executions.service.analytics import analytics
from app.pipelines.errors import PipelineNotFound
from app.projects.errors import ProjectNotFound

router = APIRouter(
    tags=["analytics"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        503: Unavailable.doc(),
    },
)
Days = Annotated[int, Query(ge=1, le=366, description="How many days back, today included")]


@router.get(
    "/projects/{project}/analytics",
    response_model=Analytics,
    responses={404: ProjectNotFound.doc()},
)
async def read_project(request: Request, access: AnalysedProject, days: Days = 30) -> Response:
    """Success, times, slow and flaky jobs and steps of a project."""
    return await analytics.answer(request, access.principal, access.project.id, None, days)


@router.get(
    "/pipelines/{pipeline_id}/analytics",
    response_model=Analytics,
    responses={404: PipelineNotFound.doc()},
)
async def read_pipeline(request: Request, access: AnalysedPipeline, days: Days = 30) -> Response:
    """Success, times, slow and flaky jobs and steps of a pipeline."""
    pipeline = access.pipeline
    return await analytics.answer(request, access.principal, pipeline.project_id, pipeline.id, days)
