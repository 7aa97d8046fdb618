"""Statements about projects, as far as a caller may see them."""

import uuid

from sqlalchemy import ColumnElement, delete, select

from app.auth.models import User
from app.auth.principals import Principal
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.projects.models import Project, Role
from app.projects.repository.scope import memberships, own_role, visible


class ProjectRepository(Repository):
    """Projects, as far as a caller may see them."""

    async def find(
        self, principal: Principal, reference: str
    ) -> tuple[Project, Role | None] | None:
        """A project by id or slug, with what the caller was made there; one query."""
        granted = memberships(principal)
        statement = (
            select(Project, granted.c.role)
            .outerjoin(granted, granted.c.project_id == Project.id)
            .where(_names(reference), visible(Project.id, principal))
        )
        rows = (await self.session.execute(statement)).all()
        if not rows:
            return None
        return rows[0][0], own_role(principal, (row[1] for row in rows))

    async def list(
        self, principal: Principal, params: PageParams, *, member_only: bool = False
    ) -> Slice[Project]:
        statement = select(Project).where(visible(Project.id, principal))
        if member_only:
            granted = memberships(principal)
            statement = statement.where(Project.id.in_(select(granted.c.project_id)))
        return await self.page(statement, Project.id, params)

    async def delete_tokens(self, project_id: uuid.UUID) -> None:
        """Delete all tokens of a project, with what they act as."""
        await self.session.execute(delete(User).where(User.project_id == project_id))


def _names(reference: str) -> ColumnElement[bool]:
    try:
        return Project.id == uuid.UUID(reference)
    except ValueError:
        return Project.slug == reference
