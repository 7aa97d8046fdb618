"""The artifacts and executions that endpoints name, when the caller may do what is asked."""

import uuid
from typing import Annotated

from fastapi import Depends, Path

from app.artifacts.errors import ContentUnavailable
from app.artifacts.models import Artifact
from app.artifacts.service.reading import artifact_for, execution_for
from app.artifacts.store import ContentStore, StoreFailed
from app.auth.dependencies import Caller, SettingsOf
from app.core.dependencies import ReadSession, Session
from app.core.logging import logger
from app.executions.models import Execution
from app.projects.dependencies import guard
from app.projects.rights import Action

log = logger(__name__)

ArtifactId = Annotated[uuid.UUID, Path(description="Id of an artifact")]
ExecutionId = Annotated[uuid.UUID, Path(description="Id of an execution")]


async def read_artifact(
    principal: Caller, session: ReadSession, artifact_id: ArtifactId
) -> Artifact:
    """The artifact in the path."""
    return await artifact_for(session, principal, artifact_id, action=Action.ARTIFACT_READ)


async def deleted_artifact(
    principal: Caller, session: Session, artifact_id: ArtifactId
) -> Artifact:
    """The artifact in the path, in the transaction that deletes it."""
    return await artifact_for(session, principal, artifact_id, action=Action.ARTIFACT_DELETE)


async def read_execution(
    principal: Caller, session: ReadSession, execution_id: ExecutionId
) -> Execution:
    """The execution in the path."""
    return await execution_for(session, principal, execution_id, action=Action.ARTIFACT_READ)


def store_of(settings: SettingsOf) -> ContentStore:
    """The store of this application.

    Raises: ContentUnavailable when nothing can be reached by its URL.
    """
    try:
        return ContentStore(settings.artifacts_url)
    except StoreFailed as error:
        log.warning("artifact_store_unusable", error=str(error))
        raise ContentUnavailable(
            "the artifact store cannot be used; the server's log says why"
        ) from error


StoreOf = Annotated[ContentStore, Depends(store_of)]
ReadArtifact = Annotated[Artifact, guard(read_artifact, Action.ARTIFACT_READ)]
DeletedArtifact = Annotated[Artifact, guard(deleted_artifact, Action.ARTIFACT_DELETE)]
ReadExecution = Annotated[Execution, guard(read_execution, Action.ARTIFACT_READ)]
