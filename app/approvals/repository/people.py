"""Who could vote, and what they are in a project now."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select

from app.auth.models import User
from app.core.repository import Repository
from app.projects.models import Member, ProjectTeam, Role, TeamMember
from app.projects.rights import is_at_least


@dataclass(frozen=True, slots=True)
class Person:
    """A user that can log in. `role` is that of the membership; None: not a member."""

    id: uuid.UUID
    name: str
    role: Role | None


class PeopleRepository(Repository):
    """People of one project, by themselves or by their teams; never tokens of projects."""

    async def among(
        self, project_id: uuid.UUID, user_ids: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, Person]:
        """Those of these users that can log in: 2 statements."""
        if not user_ids:
            return {}
        users = select(User.id, User.name, User.is_administrator).where(
            User.id.in_(user_ids), User.is_active, User.project_id.is_(None)
        )
        rows = (await self.session.execute(users)).all()
        roles = await self._roles(project_id, user_ids)
        return {
            row[0]: Person(row[0], row[1], Role.OWNER if row[2] else roles.get(row[0]))
            for row in rows
        }

    async def members(self, project_id: uuid.UUID, *, limit: int) -> list[Person]:
        """The members of a project that can log in, at most `limit`."""
        roles = await self._roles(project_id, None)
        users = select(User.id, User.name).where(
            User.id.in_(sorted(roles)[:limit]), User.is_active, User.project_id.is_(None)
        )
        return [Person(row[0], row[1], roles[row[0]]) for row in await self.session.execute(users)]

    async def behind(self, user_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """These users, and who made those of them that are tokens of projects."""
        found: set[uuid.UUID] = set()
        makers = set(user_ids)
        # A token may have made another token.
        while makers:
            found |= makers
            statement = select(User.made_by).where(User.id.in_(makers), User.made_by.is_not(None))
            rows = (await self.session.execute(statement)).scalars()
            makers = {one for one in rows if one is not None} - found
        return found

    async def _roles(
        self, project_id: uuid.UUID, user_ids: Collection[uuid.UUID] | None
    ) -> dict[uuid.UUID, Role]:
        own = select(Member.user_id, Member.role).where(Member.project_id == project_id)
        by_team = (
            select(TeamMember.user_id, ProjectTeam.role)
            .join(ProjectTeam, ProjectTeam.team_id == TeamMember.team_id)
            .where(ProjectTeam.project_id == project_id)
        )
        if user_ids is not None:
            own = own.where(Member.user_id.in_(user_ids))
            by_team = by_team.where(TeamMember.user_id.in_(user_ids))
        rows = (await self.session.execute(own.union_all(by_team))).all()
        return _highest((row[0], row[1]) for row in rows)


def _highest(found: Iterable[tuple[uuid.UUID, Role]]) -> dict[uuid.UUID, Role]:
    roles: dict[uuid.UUID, Role] = {}
    for user_id, role in found:
        if user_id not in roles or is_at_least(role, roles[user_id]):
            roles[user_id] = role
    return roles
