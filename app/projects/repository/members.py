"""Statements about the members of one project."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from app.auth.models import User
from app.core.pagination import PageParams
from app.core.repository import Repository
from app.projects.errors import MemberNotFound
from app.projects.models import Member, Role


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
