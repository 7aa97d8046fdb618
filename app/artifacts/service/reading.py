"""Artifacts that callers name, as far as they may see them."""

import uuid

from app.artifacts.errors import ArtifactNotFound
from app.artifacts.models import Artifact
from app.artifacts.repository.artifacts import ArtifactRepository
from app.auth.principals import Principal
from app.core.db import AsyncSession, ReadSession
from app.executions.models import Execution
from app.executions.repository.reading import ExecutionRepository
from app.projects.rights import Action
from app.projects.service.access import access


async def artifact_for(
    session: AsyncSession | ReadSession,
    principal: Principal,
    artifact_id: uuid.UUID,
    *,
    action: Action,
) -> Artifact:
    """The artifact, when the caller may do `action` in its project.

    Raises: ArtifactNotFound when the caller may not know of it; what `access` raises.
    """
    found = await ArtifactRepository(session).find(principal, artifact_id)
    if found is None:
        raise ArtifactNotFound(f"there is no artifact {artifact_id}, or it has expired")
    artifact, project_id = found
    await access(session, principal, project=project_id, action=action)
    return artifact


async def execution_for(
    session: ReadSession, principal: Principal, execution_id: uuid.UUID, *, action: Action
) -> Execution:
    """The execution, when the caller may do `action` in its project.

    Raises: ExecutionNotFound when the caller may not know of it; what `access` raises.
    """
    execution = await ExecutionRepository(session).visible_to(principal).require(execution_id)
    await access(session, principal, project=execution.project_id, action=action)
    return execution
