"""May this caller do this in this project?"""

import uuid
from dataclasses import dataclass

from app.auth.principals import Principal, Scope, require_scope
from app.core.db import AsyncSession, ReadSession
from app.core.errors import Unauthenticated
from app.projects.errors import ProjectNotFound, RoleTooLow
from app.projects.models import Project, Role
from app.projects.repository import ProjectRepository
from app.projects.rights import LEAST, NEEDS_ADMIN_SCOPE, Action, allows, effective_role


@dataclass(frozen=True, slots=True)
class Access:
    """A project and what the caller is in it."""

    project: Project
    principal: Principal
    role: Role

    def allows(self, action: Action) -> bool:
        """True when the caller may do this here."""
        return allows(self.principal, self.role, action)


async def access(
    session: AsyncSession | ReadSession,
    principal: Principal,
    *,
    project: str | uuid.UUID,
    action: Action,
) -> Access:
    """The project, when the caller may do `action` there.

    Parameters: `project` is an id or a slug.
    Raises: ProjectNotFound when the caller may not know of it; Unauthenticated or RoleTooLow
    when it may see but not do.
    """
    found = await ProjectRepository(session).find(principal, str(project))
    if found is None:
        raise ProjectNotFound
    row, membership = found
    role = effective_role(principal, row.visibility, membership)
    assert role is not None, "the statement returns visible projects only"
    if not allows(principal, role, action):
        raise refusal(principal, action)
    return Access(row, principal, role)


def refusal(principal: Principal, action: Action) -> Unauthenticated | RoleTooLow:
    """The error for somebody who may see a project but not do this.

    Raises: InsufficientScope when it is the token that does not allow it.
    """
    if principal.is_anonymous:
        return Unauthenticated("log in or send an API token to do this")
    if action in NEEDS_ADMIN_SCOPE:
        require_scope(principal, Scope.ADMIN)
    return RoleTooLow(f"this needs the role {LEAST[action].value} or a higher one")
