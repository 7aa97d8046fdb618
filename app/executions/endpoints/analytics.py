"""How the executions of a project or a pipeline went."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator
from starlette.responses import Response

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession
from app.core.errors import Unauthenticated, Unavailable
from app.core.pagination import Paging
from app.core.schemas import Page
from app.engine.document.timezones import refusal
from app.executions.dependencies import AnalysedPipeline, AnalysedProject
from app.executions.figures import Analytics, ReportRead
from app.executions.service.analytics import Wanted, analytics
from app.executions.service.reports import pipeline_reports, project_reports
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


def _timezone(name: str) -> str:
    if (problem := refusal(name)) is not None:
        raise ValueError(problem)
    return name


Timezone = Annotated[
    str,
    Query(max_length=64, description="Whose days", examples=["Europe/Berlin"]),
    AfterValidator(_timezone),
]
Days = Annotated[int, Query(ge=1, le=366, description="How many days back, today included")]


@router.get(
    "/projects/{project}/analytics",
    response_model=Analytics,
    responses={404: ProjectNotFound.doc()},
)
async def read_project(
    request: Request, access: AnalysedProject, days: Days = 30, timezone: Timezone = "UTC"
) -> Response:
    """Success, times, slow and flaky jobs and steps of a project."""
    wanted = Wanted(access.project.id, None, days, timezone)
    return await analytics.answer(request, access.principal, wanted)


@router.get(
    "/pipelines/{pipeline_id}/analytics",
    response_model=Analytics,
    responses={404: PipelineNotFound.doc()},
)
async def read_pipeline(
    request: Request, access: AnalysedPipeline, days: Days = 30, timezone: Timezone = "UTC"
) -> Response:
    """Success, times, slow and flaky jobs and steps of a pipeline."""
    pipeline = access.pipeline
    wanted = Wanted(pipeline.project_id, pipeline.id, days, timezone)
    return await analytics.answer(request, access.principal, wanted)


@router.get("/projects/{project}/reports", responses={404: ProjectNotFound.doc()})
async def list_project_reports(
    access: AnalysedProject, session: ReadSession, paging: Paging
) -> Page[ReportRead]:
    """Stored reports: each day, in UTC, of a project, newest first; computed every hour."""
    return await project_reports(session, project_id=access.project.id, paging=paging)


@router.get("/pipelines/{pipeline_id}/reports", responses={404: PipelineNotFound.doc()})
async def list_pipeline_reports(
    access: AnalysedPipeline, session: ReadSession, paging: Paging
) -> Page[ReportRead]:
    """Stored reports: each day, in UTC, of a pipeline, newest first; computed every hour."""
    return await pipeline_reports(session, pipeline_id=access.pipeline.id, paging=paging)
