"""Versions of a pipeline."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import NumberedPaging
from app.core.schemas import Page
from app.pipelines.dependencies import CheckedVersion, reads_pipeline, writes_pipeline
from app.pipelines.errors import InvalidPipeline, PipelineNotFound, VersionNotFound
from app.pipelines.repository import VersionRepository
from app.pipelines.schemas import (
    PipelineRead,
    Rollback,
    VersionCreate,
    VersionDetail,
    VersionRead,
    VersionSaved,
)
from app.pipelines.service.access import PipelineAccess
from app.pipelines.service.versions import roll_back, save_version
from app.projects.rights import Action

router = APIRouter(
    prefix="/pipelines/{pipeline_id}",
    tags=["pipelines"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: PipelineNotFound.doc(),
    },
)
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version")]


@router.get("/versions")
async def list_versions(
    access: Annotated[PipelineAccess, reads_pipeline(Action.PIPELINE_SOURCE)],
    session: ReadSession,
    paging: NumberedPaging,
) -> Page[VersionRead]:
    """The versions of a pipeline, newest first."""
    found = await VersionRepository(session).list(access.pipeline.id, paging)
    return Page[VersionRead].model_validate(found)


@router.post("/versions", responses={422: InvalidPipeline.doc()})
async def save(
    checked: CheckedVersion,
    access: Annotated[PipelineAccess, writes_pipeline(Action.PIPELINE_WRITE)],
    body: VersionCreate,
    session: Session,
) -> VersionSaved:
    """Save a version and make it current; the same content keeps its number."""
    version = await save_version(
        session,
        pipeline=access.pipeline,
        by=access.principal,
        checked=checked,
        message=body.message,
    )
    return VersionSaved.of(version, checked.notices)


@router.get("/versions/{number}", responses={404: VersionNotFound.doc()})
async def get(
    access: Annotated[PipelineAccess, reads_pipeline(Action.PIPELINE_SOURCE)],
    number: Number,
    session: ReadSession,
) -> VersionDetail:
    """One version with its texts."""
    version = await VersionRepository(session).require(access.pipeline.id, number)
    return VersionDetail.model_validate(version)


@router.post("/rollback", responses={404: VersionNotFound.doc()})
async def rollback(
    access: Annotated[PipelineAccess, writes_pipeline(Action.PIPELINE_WRITE)],
    body: Rollback,
    session: Session,
) -> PipelineRead:
    """Make another version the current one."""
    pipeline = await roll_back(
        session, by=access.principal, pipeline=access.pipeline, number=body.number
    )
    return PipelineRead.model_validate(pipeline)
