"""May this caller do this with this pipeline?"""

import uuid
from dataclasses import dataclass

from app.auth.principals import Principal
from app.core.db import AsyncSession, ReadSession
from app.pipelines.errors import PipelineNotFound
from app.pipelines.models import Pipeline
from app.pipelines.repository import PipelineRepository
from app.projects.models import Project, Role
from app.projects.rights import LAUNCHING, Action, allows, effective_role
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
    """The pipeline, when the caller may do `action` in its project, or is one of its launchers.

    Raises: PipelineNotFound when the caller may not know of it; Unauthenticated or RoleTooLow
    when it may see but not do.
    """
    repository = PipelineRepository(session)
    found = await repository.find(principal, pipeline_id)
    if found is None:
        raise PipelineNotFound
    pipeline, project, membership = found
    role = effective_role(principal, project.visibility, membership)
    if allows(principal, role, action):
        assert role is not None, "nothing is allowed without one"
        return PipelineAccess(pipeline, project, principal, role)
    if action in LAUNCHING and await repository.is_launcher(principal, pipeline_id):
        return PipelineAccess(pipeline, project, principal, role or Role.GUEST)
    raise refusal(principal, action)
