"""What a caller may see, as conditions of statements: by membership, by team, as launcher."""

import uuid
from collections.abc import Iterable

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
    false,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.auth.principals import Principal, Scope
from app.projects.models import Launcher, Member, Project, ProjectTeam, Role, TeamMember
from app.projects.rights import (
    LAUNCHING,
    LEAST,
    NEEDS_ADMIN_SCOPE,
    VISITOR,
    Action,
    highest,
    is_at_least,
    open_to,
    roles_from,
)


def permitted(
    project_id: InstrumentedAttribute[uuid.UUID],
    principal: Principal,
    action: Action,
    *,
    pipeline_id: InstrumentedAttribute[uuid.UUID] | None = None,
) -> ColumnElement[bool]:
    """The condition that a caller may do `action` in the project that a column names.

    `select(Execution).where(permitted(Execution.project_id, principal, Action.LOG_READ))`

    Parameters: `pipeline_id` names a pipeline, of which launchers may see what they start.
    """
    if action in NEEDS_ADMIN_SCOPE and Scope.ADMIN not in principal.scopes:
        return false()
    if principal.is_administrator:
        return true()
    if principal.project_id is not None:
        role = own_role(principal, ())
        return project_id == principal.project_id if _includes(role, action) else false()
    allowed = project_id.in_(_projects(principal, action))
    if pipeline_id is None or action not in LAUNCHING or principal.user_id is None:
        return allowed
    return or_(allowed, pipeline_id.in_(launched_by(principal.user_id)))


def visible(
    project_id: InstrumentedAttribute[uuid.UUID], principal: Principal
) -> ColumnElement[bool]:
    """The condition that a caller may know of the project that a column names."""
    return permitted(project_id, principal, Action.PROJECT_READ)


def memberships(principal: Principal) -> Subquery:
    """`project_id` and `role` of a user's own memberships and of those of the user's teams."""
    return _memberships(principal.user_id).subquery()


def launched_by(user_id: uuid.UUID) -> Select[uuid.UUID]:
    """The pipelines that a user may start, alone or by a team."""
    teams = select(TeamMember.team_id).where(TeamMember.user_id == user_id)
    return select(Launcher.pipeline_id).where(
        or_(Launcher.user_id == user_id, Launcher.team_id.in_(teams))
    )


def own_role(principal: Principal, roles: Iterable[Role | None]) -> Role | None:
    """What the caller was made in a project that it may see: the highest of `roles`.

    The token of a project has its own role, and sees no other project.
    """
    if principal.project_role is not None:
        return Role(principal.project_role)
    return highest(role for role in roles if role is not None)


def _includes(role: Role | None, action: Action) -> bool:
    return role is not None and is_at_least(role, LEAST[action])


def _memberships(
    user_id: uuid.UUID | None, roles: tuple[Role, ...] = tuple(Role)
) -> CompoundSelect[uuid.UUID, Role]:
    own = select(Member.project_id, Member.role).where(
        Member.user_id == user_id, Member.role.in_(roles)
    )
    by_team = (
        select(ProjectTeam.project_id, ProjectTeam.role)
        .join(TeamMember, TeamMember.team_id == ProjectTeam.team_id)
        .where(TeamMember.user_id == user_id, ProjectTeam.role.in_(roles))
    )
    return union_all(own, by_team)


def _projects(principal: Principal, action: Action) -> Select[uuid.UUID]:
    conditions: list[ColumnElement[bool]] = []
    if is_at_least(VISITOR, LEAST[action]):
        conditions.append(Project.visibility.in_(open_to(principal)))
    if principal.user_id is not None:
        granted = _memberships(principal.user_id, roles_from(LEAST[action])).subquery()
        conditions.append(Project.id.in_(select(granted.c.project_id)))
    return select(Project.id).where(or_(false(), *conditions))
