"""Teams as members of a project."""

from typing import Annotated

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.dependencies import TeamReference, reads, writes
from app.projects.errors import MemberNotFound, ProjectNotFound, TeamNotFound
from app.projects.repository.teams import TeamRepository
from app.projects.rights import Action
from app.projects.schemas import MemberWrite
from app.projects.schemas_teams import ProjectTeamRead
from app.projects.service.access import Access
from app.projects.service.project_teams import remove_team, set_team

router = APIRouter(
    prefix="/projects/{project}/teams",
    tags=["projects"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)


@router.get("")
async def list_project_teams(
    access: Annotated[Access, reads(Action.MEMBER_READ)], session: ReadSession, paging: Paging
) -> Page[ProjectTeamRead]:
    """The teams of a project, by team id."""
    rows, next_ = await TeamRepository(session).of_project(access.project.id, paging)
    return Page(items=[ProjectTeamRead.of(*row) for row in rows], next=next_)


@router.put("/{team}", responses={404: TeamNotFound.doc()})
async def put_team(
    access: Annotated[Access, writes(Action.MEMBER_WRITE)],
    team: TeamReference,
    body: MemberWrite,
    session: Session,
) -> ProjectTeamRead:
    """Give everybody in a team a role in the project, or change it."""
    place, slug = await set_team(session, access=access, slug=team, role=body.role)
    return ProjectTeamRead.of(place, slug)


@router.delete(
    "/{team}", status_code=status.HTTP_204_NO_CONTENT, responses={404: MemberNotFound.doc()}
)
async def delete_team_place(
    access: Annotated[Access, writes(Action.MEMBER_WRITE)], team: TeamReference, session: Session
) -> None:
    """Take a team's role in the project."""
    await remove_team(session, access=access, slug=team)
