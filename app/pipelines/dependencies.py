"""Guards of routes below a pipeline, and files that are checked before a transaction is open."""

import uuid
from typing import Annotated, Any

from fastapi import Depends, Path

from app.auth.dependencies import Caller, CurrentUser
from app.core.dependencies import ReadSession, Session
from app.pipelines.checking import Checked, check
from app.pipelines.schemas import PipelineCreate, VersionCreate
from app.pipelines.service.access import PipelineAccess, pipeline_access
from app.projects.dependencies import guard
from app.projects.rights import Action

PipelineId = Annotated[uuid.UUID, Path(description="Id of a pipeline")]


def reads_pipeline(action: Action) -> Any:
    """The pipeline of the path, when the caller may do `action`; for routes that only read."""

    async def pipeline_read(
        principal: Caller, pipeline_id: PipelineId, session: ReadSession
    ) -> PipelineAccess:
        return await pipeline_access(session, principal, pipeline_id=pipeline_id, action=action)

    return guard(pipeline_read, action)


def writes_pipeline(action: Action) -> Any:
    """As `reads_pipeline`, in the transaction of a route that writes."""

    async def pipeline_write(
        principal: Caller, pipeline_id: PipelineId, session: Session
    ) -> PipelineAccess:
        return await pipeline_access(session, principal, pipeline_id=pipeline_id, action=action)

    return guard(pipeline_write, action)


async def checked_pipeline(_principal: CurrentUser, body: PipelineCreate) -> Checked:
    """The files of a new pipeline, checked."""
    return await check(body.source, body.files)


async def checked_version(_principal: CurrentUser, body: VersionCreate) -> Checked:
    """The files of a new version, checked."""
    return await check(body.source, body.files)


CheckedPipeline = Annotated[Checked, Depends(checked_pipeline)]
CheckedVersion = Annotated[Checked, Depends(checked_version)]
