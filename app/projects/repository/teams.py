"""Statements about teams, who is in them, and the projects that they are members of."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from app.auth.models import User
from app.auth.principals import Principal
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.projects.errors import MemberNotFound, TeamNotFound
from app.projects.models import ProjectTeam, Team, TeamMember


class TeamRepository(Repository):
    """Teams and who is in them."""

    async def list(self, principal: Principal, params: PageParams) -> Slice[Team]:
        """The teams that the caller is in; all of them for administrators."""
        statement = select(Team)
        if not principal.is_administrator:
            own = select(TeamMember.team_id).where(TeamMember.user_id == principal.user_id)
            statement = statement.where(Team.id.in_(own))
        return await self.page(statement, Team.id, params)

    async def find(self, principal: Principal, slug: str) -> tuple[Team, TeamMember | None] | None:
        """A team, and the caller's place in it."""
        mine = (TeamMember.team_id == Team.id) & (TeamMember.user_id == principal.user_id)
        statement = select(Team, TeamMember).outerjoin(TeamMember, mine).where(Team.slug == slug)
        row = (await self.session.execute(statement)).one_or_none()
        return row and (row[0], row[1])

    async def require(self, slug: str) -> Team:
        team = await self.session.scalar(select(Team).where(Team.slug == slug))
        if team is None:
            raise TeamNotFound(f"there is no team {slug!r}")
        return team

    async def members(
        self, team_id: uuid.UUID, params: PageParams
    ) -> tuple[Sequence[tuple[TeamMember, str]], str | None]:
        """Who is in a team, with names; a page by user id."""
        statement = (
            select(TeamMember, User.name)
            .join(User, User.id == TeamMember.user_id)
            .where(TeamMember.team_id == team_id)
        )
        return await self._pairs(statement, TeamMember.user_id, params)

    async def member_ids(self, team_id: uuid.UUID) -> Sequence[uuid.UUID]:
        statement = select(TeamMember.user_id).where(TeamMember.team_id == team_id)
        return (await self.session.scalars(statement)).all()

    async def get_member(self, team_id: uuid.UUID, user_id: uuid.UUID) -> TeamMember | None:
        statement = select(TeamMember).where(
            TeamMember.team_id == team_id, TeamMember.user_id == user_id
        )
        return await self.session.scalar(statement.with_for_update())

    async def require_member(self, team_id: uuid.UUID, user_id: uuid.UUID) -> TeamMember:
        member = await self.get_member(team_id, user_id)
        if member is None:
            raise MemberNotFound
        return member

    async def of_project(
        self, project_id: uuid.UUID, params: PageParams
    ) -> tuple[Sequence[tuple[ProjectTeam, str]], str | None]:
        """The teams of a project with their addresses; a page by team id."""
        statement = (
            select(ProjectTeam, Team.slug)
            .join(Team, Team.id == ProjectTeam.team_id)
            .where(ProjectTeam.project_id == project_id)
        )
        return await self._pairs(statement, ProjectTeam.team_id, params)

    async def get_of_project(self, project_id: uuid.UUID, team_id: uuid.UUID) -> ProjectTeam | None:
        statement = select(ProjectTeam).where(
            ProjectTeam.project_id == project_id, ProjectTeam.team_id == team_id
        )
        return await self.session.scalar(statement.with_for_update())

    async def _pairs(
        self,
        statement: Select[*tuple[Any, ...]],
        key: InstrumentedAttribute[uuid.UUID],
        params: PageParams,
    ) -> tuple[Sequence[tuple[Any, str]], str | None]:
        if params.after is not None:
            statement = statement.where(key > params.after)
        found = await self.session.execute(statement.order_by(key).limit(params.limit + 1))
        rows = [(row[0], row[1]) for row in found]
        items = rows[: params.limit]
        more = len(rows) > params.limit
        return items, str(getattr(items[-1][0], key.key)) if more else None
