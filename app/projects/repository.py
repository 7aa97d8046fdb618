"""Statements about projects and members; what a caller may see is in the base statement."""

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Select, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from app.auth.models import User
from app.auth.principals import Principal, Scope
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.projects.errors import MemberNotFound
from app.projects.models import Member, Project, Role
from app.projects.rights import (
    LEAST,
    NEEDS_ADMIN_SCOPE,
    VISITOR,
    Action,
    is_at_least,
    open_to,
    roles_from,
)


def permitted(
    project_id: InstrumentedAttribute[uuid.UUID], principal: Principal, action: Action
) -> ColumnElement[bool]:
    """The condition that a caller may do `action` in the project that a column names.

    `select(Execution).where(permitted(Execution.project_id, principal, Action.LOG_READ))`
    """
    if action in NEEDS_ADMIN_SCOPE and Scope.ADMIN not in principal.scopes:
        return false()
    if principal.is_administrator:
        return true()
    return project_id.in_(_projects(principal, action))


def visible(
    project_id: InstrumentedAttribute[uuid.UUID], principal: Principal
) -> ColumnElement[bool]:
    """The condition that a caller may know of the project that a column names."""
    return permitted(project_id, principal, Action.PROJECT_READ)


def _projects(principal: Principal, action: Action) -> Select[uuid.UUID]:
    conditions: list[ColumnElement[bool]] = []
    if is_at_least(VISITOR, LEAST[action]):
        conditions.append(Project.visibility.in_(open_to(principal)))
    if principal.user_id is not None:
        memberships = select(Member.project_id).where(
            Member.user_id == principal.user_id, Member.role.in_(roles_from(LEAST[action]))
        )
        conditions.append(Project.id.in_(memberships))
    return select(Project.id).where(or_(false(), *conditions))


class ProjectRepository(Repository):
    """Projects, as far as a caller may see them."""

    async def find(
        self, principal: Principal, reference: str
    ) -> tuple[Project, Role | None] | None:
        """A project by id or slug, with the caller's membership; one query."""
        statement = (
            select(Project, Member.role)
            .outerjoin(
                Member, (Member.project_id == Project.id) & (Member.user_id == principal.user_id)
            )
            .where(_names(reference), visible(Project.id, principal))
        )
        row = (await self.session.execute(statement)).one_or_none()
        return row and (row[0], row[1])

    async def list(
        self, principal: Principal, params: PageParams, *, member_only: bool = False
    ) -> Slice[Project]:
        statement = select(Project).where(visible(Project.id, principal))
        if member_only:
            own = select(Member.project_id).where(Member.user_id == principal.user_id)
            statement = statement.where(Project.id.in_(own))
        return await self.page(statement, Project.id, params)

    async def grants(self, user_id: uuid.UUID) -> Mapping[uuid.UUID, Role]:
        """All memberships of a user, by project."""
        statement = select(Member.project_id, Member.role).where(Member.user_id == user_id)
        return {row[0]: row[1] for row in await self.session.execute(statement)}


class MemberRepository(Repository):
    """Members of one project."""

    async def list(
        self, project_id: uuid.UUID, params: PageParams
    ) -> tuple[Sequence[tuple[Member, str]], str | None]:
        """Members with the names of their users; a page by user id."""
        statement = (
            select(Member, User.name)
            .join(User, User.id == Member.user_id)
            .where(Member.project_id == project_id)
            .order_by(Member.user_id)
            .limit(params.limit + 1)
        )
        if params.after is not None:
            statement = statement.where(Member.user_id > params.after)
        rows = [(row[0], row[1]) for row in await self.session.execute(statement)]
        items = rows[: params.limit]
        more = len(rows) > params.limit
        return items, str(items[-1][0].user_id) if more else None

    async def get(self, project_id: uuid.UUID, user_id: uuid.UUID) -> Member | None:
        statement = select(Member).where(Member.project_id == project_id, Member.user_id == user_id)
        return await self.session.scalar(statement.with_for_update())

    async def require(self, project_id: uuid.UUID, user_id: uuid.UUID) -> Member:
        member = await self.get(project_id, user_id)
        if member is None:
            raise MemberNotFound
        return member

    async def lock_owners(self, project_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """The users that own a project; it stays so until this transaction ends."""
        statement = (
            select(Member.user_id)
            .where(Member.project_id == project_id, Member.role == Role.OWNER)
            .order_by(Member.user_id)
            .with_for_update()
        )
        return (await self.session.scalars(statement)).all()


def _names(reference: str) -> ColumnElement[bool]:
    try:
        return Project.id == uuid.UUID(reference)
    except ValueError:
        return Project.slug == reference
