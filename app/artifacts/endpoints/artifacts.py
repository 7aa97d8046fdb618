"""Artifacts of executions: listed, downloaded, deleted."""

from fastapi import APIRouter
from starlette.responses import Response

from app.artifacts.answers import IfNoneMatch, download
from app.artifacts.dependencies import DeletedArtifact, ReadArtifact, ReadExecution, StoreOf
from app.artifacts.errors import ArtifactNotFound, ContentUnavailable
from app.artifacts.repository.artifacts import ArtifactRepository
from app.artifacts.schemas import ArtifactRead
from app.artifacts.service.upload import delete_artifact
from app.auth.dependencies import CurrentUser
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.executions.errors import ExecutionNotFound
from app.projects.errors import RoleTooLow

router = APIRouter(
    tags=["artifacts"], responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc()}
)


@router.get("/executions/{execution_id}/artifacts", responses={404: ExecutionNotFound.doc()})
async def list_artifacts(
    execution: ReadExecution, session: ReadSession, paging: Paging
) -> Page[ArtifactRead]:
    """The artifacts of an execution that have not expired, oldest first."""
    found = await ArtifactRepository(session).list(execution.id, paging)
    return Page[ArtifactRead].model_validate(found)


@router.get("/artifacts/{artifact_id}", responses={404: ArtifactNotFound.doc()})
async def get_artifact(artifact: ReadArtifact) -> ArtifactRead:
    """One artifact."""
    return ArtifactRead.model_validate(artifact)


@router.get(
    "/artifacts/{artifact_id}/download",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": {}}, "description": "The archive"},
        304: {"description": "The client has it already"},
        404: ArtifactNotFound.doc(),
        503: ContentUnavailable.doc(),
    },
)
async def download_artifact(
    artifact: ReadArtifact, store: StoreOf, if_none_match: IfNoneMatch = None
) -> Response:
    """The archive: `curl … | sha256sum` gives the `sha256` of the artifact."""
    return await download(artifact, store, if_none_match)


@router.delete("/artifacts/{artifact_id}", status_code=204, responses={404: ArtifactNotFound.doc()})
async def remove_artifact(
    artifact: DeletedArtifact, principal: CurrentUser, session: Session
) -> None:
    """Delete an artifact for good."""
    await delete_artifact(session, artifact, by=principal)
