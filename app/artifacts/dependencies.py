"""The artifacts and executions that endpoints name, when the caller may do what is asked."""

import uuid
from typing import Annotated

from fastapi import Depends, Path

from app.artifacts.models import Artifact
from app.artifacts.service.reading import artifact_for, execution_for
from app.artifacts.store import ContentStore
from app.auth.dependencies import Caller, SettingsOf
from app.core.dependencies import ReadSession, Session
from app.executions.models import Execution
from app.projects.dependencies import guard
from app.projects.rights import Action

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
    """The store of this application."""
    return ContentStore(settings.artifacts_url)


StoreOf = Annotated[ContentStore, Depends(store_of)]
ReadArtifact = Annotated[Artifact, guard(read_artifact, Action.ARTIFACT_READ)]
DeletedArtifact = Annotated[Artifact, guard(deleted_artifact, Action.ARTIFACT_DELETE)]
ReadExecution = Annotated[Execution, guard(read_execution, Action.ARTIFACT_READ)]
