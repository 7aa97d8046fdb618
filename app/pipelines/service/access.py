"""May this caller do this with this pipeline?"""

import uuid
from dataclasses import dataclass

from app.auth.principals import Principal
from app.core.db import AsyncSession, ReadSession
from app.pipelines.errors import PipelineNotFound
from app.pipelines.models import Pipeline
from app.pipelines.repository import PipelineRepository
from app.projects.models import Project, Role
from app.projects.rights import Action, allows, effective_role
from app.projects.service.access import refusal


@dataclass(frozen=True, slots=True)
class PipelineAccess:
    """A pipeline, its project, and what the caller is there."""

    pipeline: Pipeline
    project: Project
    principal: Principal
    role: Role


async def pipeline_access(
    session: AsyncSession | ReadSession,
    principal: Principal,
    *,
    pipeline_id: uuid.UUID,
    action: Action,
) -> PipelineAccess:
    """The pipeline, when the caller may do `action` in its project.

    Raises: PipelineNotFound when the caller may not know of it; Unauthenticated or RoleTooLow
    when it may see but not do.
    """
    found = await PipelineRepository(session).find(principal, pipeline_id)
    if found is None:
        raise PipelineNotFound
    pipeline, project, membership = found
    role = effective_role(principal, project.visibility, membership)
    assert role is not None, "the statement returns visible pipelines only"
    if not allows(principal, role, action):
        raise refusal(principal, action)
    return PipelineAccess(pipeline, project, principal, role)
