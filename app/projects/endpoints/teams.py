"""Teams and who is in them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from app.auth.dependencies import Administrator, FullUser, Person
from app.auth.errors import InsufficientScope, UserNotFound
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.dependencies import TeamReference
from app.projects.errors import ManagersOnly, MemberNotFound, TeamNotFound, TeamSlugTaken
from app.projects.repository.teams import TeamRepository
from app.projects.schemas_teams import (
    TeamCreate,
    TeamMemberRead,
    TeamMemberWrite,
    TeamRead,
    TeamUpdate,
)
from app.projects.service.teams import (
    TeamAccess,
    create_team,
    delete_team,
    put_in_team,
    take_from_team,
    team_access,
    update_team,
)

router = APIRouter(
    prefix="/teams",
    tags=["teams"],
    responses={401: Unauthenticated.doc(), 403: InsufficientScope.doc()},
)
UserName = Annotated[str, Path(max_length=100, description="Name of a user", examples=["ada"])]


async def reading(principal: Person, team: TeamReference, session: ReadSession) -> TeamAccess:
    """A team that the caller is in."""
    return await team_access(session, principal, slug=team)


async def changing(principal: FullUser, team: TeamReference, session: Session) -> TeamAccess:
    """A team that the caller is in, in the transaction of a route that writes."""
    return await team_access(session, principal, slug=team)


async def ruling(principal: Administrator, team: TeamReference, session: Session) -> TeamAccess:
    """A team, for administrators."""
    return await team_access(session, principal, slug=team)


Reading = Annotated[TeamAccess, Depends(reading)]
Changing = Annotated[TeamAccess, Depends(changing)]
Ruling = Annotated[TeamAccess, Depends(ruling)]


@router.get("")
async def list_teams(principal: Person, session: ReadSession, paging: Paging) -> Page[TeamRead]:
    """The teams that the caller is in, newest first; all teams for administrators."""
    found = await TeamRepository(session).list(principal, paging)
    return Page[TeamRead].model_validate(found)


@router.post("", status_code=status.HTTP_201_CREATED, responses={409: TeamSlugTaken.doc()})
async def create(principal: Administrator, body: TeamCreate, session: Session) -> TeamRead:
    """Make a team."""
    return TeamRead.model_validate(await create_team(session, by=principal, **dict(body)))


@router.get("/{team}", responses={404: TeamNotFound.doc()})
async def get(access: Reading) -> TeamRead:
    """One team."""
    return TeamRead.model_validate(access.team)


@router.patch("/{team}", responses={404: TeamNotFound.doc(), 409: TeamSlugTaken.doc()})
async def update(access: Ruling, body: TeamUpdate, session: Session) -> TeamRead:
    """Change name or address of a team; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    return TeamRead.model_validate(await update_team(session, access=access, changes=changes))


@router.delete(
    "/{team}", status_code=status.HTTP_204_NO_CONTENT, responses={404: TeamNotFound.doc()}
)
async def delete(access: Ruling, session: Session) -> None:
    """Delete a team: its members lose what they had by it."""
    await delete_team(session, access=access)


@router.get("/{team}/members", responses={404: TeamNotFound.doc()})
async def list_team_members(
    access: Reading, session: ReadSession, paging: Paging
) -> Page[TeamMemberRead]:
    """Who is in a team, by user id."""
    rows, next_ = await TeamRepository(session).members(access.team.id, paging)
    return Page(items=[TeamMemberRead.of(*row) for row in rows], next=next_)


@router.put(
    "/{team}/members/{user_name}",
    responses={403: ManagersOnly.doc(), 404: UserNotFound.doc()},
)
async def put_member(
    access: Changing, user_name: UserName, body: TeamMemberWrite, session: Session
) -> TeamMemberRead:
    """Put somebody in a team, or change whether they manage it; for its managers."""
    member, user = await put_in_team(
        session, access=access, user_name=user_name, is_manager=body.is_manager
    )
    return TeamMemberRead.of(member, user.name)


@router.delete(
    "/{team}/members/{user_name}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={403: ManagersOnly.doc(), 404: MemberNotFound.doc()},
)
async def delete_member(access: Changing, user_name: UserName, session: Session) -> None:
    """Take somebody from a team: oneself, or, as one of its managers, anybody."""
    await take_from_team(session, access=access, user_name=user_name)
