"""Teams as members of projects: the same rules as for people."""

from app.audit.recording import record_change
from app.core.clock import utcnow
from app.core.db import AsyncSession
from app.projects.errors import MemberNotFound
from app.projects.models import ProjectTeam, Role, Team
from app.projects.repository.teams import TeamRepository
from app.projects.service.access import Access
from app.projects.service.changed import rights_changed
from app.projects.service.members import require_outranked


async def set_team(
    session: AsyncSession, *, access: Access, slug: str, role: Role
) -> tuple[ProjectTeam, str]:
    """Give a team a role in a project.

    A team that owns a project does not save it from being without an owner: that takes a person.
    Raises: RoleTooLow, TeamNotFound.
    """
    repository = TeamRepository(session)
    team = await repository.require(slug)
    place = await repository.get_of_project(access.project.id, team.id)
    before = None if place is None else place.role
    require_outranked(access, role)
    if place is None:
        place = ProjectTeam(
            project_id=access.project.id, team_id=team.id, role=role, created_at=utcnow()
        )
    elif place.role is not role:
        require_outranked(access, place.role)
        place.role = role
    await repository.save(place, conflict=MemberNotFound())
    await rights_changed(session, await repository.member_ids(team.id))
    await _record(session, access, "member.write", team, before, role)
    return place, team.slug


async def remove_team(session: AsyncSession, *, access: Access, slug: str) -> None:
    """Take a team's role in a project.

    Raises: RoleTooLow, TeamNotFound, MemberNotFound.
    """
    repository = TeamRepository(session)
    team = await repository.require(slug)
    place = await repository.get_of_project(access.project.id, team.id)
    if place is None:
        raise MemberNotFound
    require_outranked(access, place.role)
    await repository.delete(place)
    await rights_changed(session, await repository.member_ids(team.id))
    await _record(session, access, "member.remove", team, place.role, None)


async def _record(
    session: AsyncSession,
    access: Access,
    action: str,
    team: Team,
    before: Role | None,
    after: Role | None,
) -> None:
    await record_change(
        session,
        access.principal,
        action,
        kind="team",
        target_id=team.id,
        name=team.slug,
        project_id=access.project.id,
        before=None if before is None else {"role": before},
        after=None if after is None else {"role": after},
    )
