"""Teams: made by administrators; their managers choose who is in them."""

import uuid
from dataclasses import dataclass
from typing import Any

from app.audit.recording import fields_of, record_change
from app.auth.models import User
from app.auth.principals import Principal
from app.auth.repository import UserRepository
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, ReadSession
from app.projects.errors import ManagersOnly, MemberNotFound, TeamNotFound, TeamSlugTaken
from app.projects.models import Team, TeamMember
from app.projects.repository.teams import TeamRepository
from app.projects.service.changed import rights_changed

_SHOWN = ("slug", "name")


@dataclass(frozen=True, slots=True)
class TeamAccess:
    """A team, and whether the caller chooses who is in it."""

    team: Team
    principal: Principal
    is_manager: bool


async def team_access(
    session: AsyncSession | ReadSession, principal: Principal, *, slug: str
) -> TeamAccess:
    """A team that the caller is in; administrators are managers of all.

    Raises: TeamNotFound.
    """
    found = await TeamRepository(session).find(principal, slug)
    if found is None or (found[1] is None and not principal.is_administrator):
        raise TeamNotFound
    team, place = found
    is_manager = principal.is_administrator or (place is not None and place.is_manager)
    return TeamAccess(team, principal, is_manager)


async def create_team(session: AsyncSession, *, by: Principal, slug: str, name: str | None) -> Team:
    """A new team without members.

    Raises: TeamSlugTaken.
    """
    team = Team(id=new_id(), slug=slug, name=name or slug, created_at=utcnow())
    await TeamRepository(session).save(team, conflict=TeamSlugTaken(f"there is a team {slug!r}"))
    await _record(session, by, "team.create", team, after=fields_of(team, *_SHOWN))
    return team


async def update_team(
    session: AsyncSession, *, access: TeamAccess, changes: dict[str, Any]
) -> Team:
    """Change name or address of a team.

    Raises: TeamSlugTaken.
    """
    team = access.team
    before = fields_of(team, *_SHOWN)
    for field, value in changes.items():
        setattr(team, field, value)
    taken = TeamSlugTaken(f"there is a team {team.slug!r}")
    await TeamRepository(session).save(team, conflict=taken)
    after = fields_of(team, *_SHOWN)
    await _record(session, access.principal, "team.update", team, before=before, after=after)
    return team


async def delete_team(session: AsyncSession, *, access: TeamAccess) -> None:
    """Delete a team; what its members could do by it, they cannot do any more."""
    repository = TeamRepository(session)
    user_ids = await repository.member_ids(access.team.id)
    before = fields_of(access.team, *_SHOWN)
    await repository.delete(access.team)
    await rights_changed(session, user_ids)
    await _record(session, access.principal, "team.delete", access.team, before=before)


async def put_in_team(
    session: AsyncSession, *, access: TeamAccess, user_name: str, is_manager: bool
) -> tuple[TeamMember, User]:
    """Put a user in a team, or change whether the user manages it.

    Raises: ManagersOnly, UserNotFound.
    """
    if not access.is_manager:
        raise ManagersOnly
    repository = TeamRepository(session)
    user = await UserRepository(session).require_by_name(user_name)
    member = await repository.get_member(access.team.id, user.id)
    before = member and {"is_manager": member.is_manager}
    if member is None:
        member = TeamMember(team_id=access.team.id, user_id=user.id, created_at=utcnow())
    member.is_manager = is_manager
    await repository.save(member, conflict=MemberNotFound())
    await rights_changed(session, [user.id])
    after = {"is_manager": is_manager}
    await _record(session, access.principal, "team.put", access.team, user, before, after)
    return member, user


async def take_from_team(session: AsyncSession, *, access: TeamAccess, user_name: str) -> None:
    """Take a user from a team: oneself, or, as a manager, anybody.

    Raises: ManagersOnly, MemberNotFound, UserNotFound.
    """
    by = access.principal
    if not access.is_manager and user_name.casefold() != by.name.casefold():
        raise ManagersOnly
    repository = TeamRepository(session)
    user = await UserRepository(session).require_by_name(user_name)
    member = await repository.require_member(access.team.id, user.id)
    before = {"is_manager": member.is_manager}
    await repository.delete(member)
    await rights_changed(session, [user.id])
    await _record(session, by, "team.take", access.team, user, before)


async def _record(
    session: AsyncSession,
    by: Principal,
    action: str,
    team: Team,
    user: User | None = None,
    before: Any = None,
    after: Any = None,
) -> None:
    name = team.slug if user is None else f"{team.slug}: {user.name}"
    target: uuid.UUID = team.id if user is None else user.id
    await record_change(
        session, by, action, kind="team", target_id=target, name=name, before=before, after=after
    )
