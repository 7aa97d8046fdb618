"""Projects and their members."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, status

from app.auth.dependencies import Caller, Person
from app.auth.errors import InsufficientScope, UserNotFound
from app.configuration.dependencies import GlobalSettingsOf
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.dependencies import reads, writes
from app.projects.errors import (
    CreationIsForAdministrators,
    LastOwner,
    MemberNotFound,
    ProjectNotFound,
    ProjectSlugTaken,
)
from app.projects.repository import MemberRepository, ProjectRepository
from app.projects.rights import Action
from app.projects.schemas import (
    MemberRead,
    MemberWrite,
    ProjectCreate,
    ProjectRead,
    ProjectUpdate,
)
from app.projects.service.access import Access
from app.projects.service.members import remove_member, set_member
from app.projects.service.projects import create_project, delete_project, update_project

router = APIRouter(
    prefix="/projects",
    tags=["projects"],
    responses={401: Unauthenticated.doc(), 403: InsufficientScope.doc()},
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: ProjectNotFound.doc()}
UserName = Annotated[str, Path(max_length=100, description="Name of a user", examples=["ada"])]


@router.get("")
async def list_projects(
    principal: Caller,
    session: ReadSession,
    paging: Paging,
    member: Annotated[bool, Query(description="Only those that the caller is a member of")] = False,
) -> Page[ProjectRead]:
    """The projects that the caller may see, newest first."""
    found = await ProjectRepository(session).list(principal, paging, member_only=member)
    return Page[ProjectRead].model_validate(found)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={403: CreationIsForAdministrators.doc(), 409: ProjectSlugTaken.doc()},
)
async def create(
    principal: Person, body: ProjectCreate, chosen: GlobalSettingsOf, session: Session
) -> ProjectRead:
    """Make a project: the caller owns it."""
    project = await create_project(session, by=principal, chosen=chosen, **dict(body))
    return ProjectRead.model_validate(project)


@router.get("/{project}", responses=NOT_FOUND)
async def get(access: Annotated[Access, reads(Action.PROJECT_READ)]) -> ProjectRead:
    """One project."""
    return ProjectRead.model_validate(access.project)


@router.patch("/{project}", responses={**NOT_FOUND, 409: ProjectSlugTaken.doc()})
async def update(
    access: Annotated[Access, writes(Action.PROJECT_UPDATE)],
    body: ProjectUpdate,
    session: Session,
) -> ProjectRead:
    """Change a project; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    return ProjectRead.model_validate(await update_project(session, access=access, changes=changes))


@router.delete("/{project}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(
    access: Annotated[Access, writes(Action.PROJECT_DELETE)], session: Session
) -> None:
    """Delete a project with everything in it."""
    await delete_project(session, access=access)


@router.get("/{project}/members", responses=NOT_FOUND)
async def list_members(
    access: Annotated[Access, reads(Action.MEMBER_READ)], session: ReadSession, paging: Paging
) -> Page[MemberRead]:
    """The members of a project, by user id."""
    return MemberRead.page(*await MemberRepository(session).list(access.project.id, paging))


@router.put(
    "/{project}/members/{user_name}",
    responses={404: UserNotFound.doc(), 409: LastOwner.doc()},
)
async def put_member(
    access: Annotated[Access, writes(Action.MEMBER_WRITE)],
    user_name: UserName,
    body: MemberWrite,
    session: Session,
) -> MemberRead:
    """Add a member or change the role of one."""
    return MemberRead.of(
        *await set_member(session, access=access, user_name=user_name, role=body.role)
    )


@router.delete(
    "/{project}/members/{user_name}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: MemberNotFound.doc(), 409: LastOwner.doc()},
)
async def delete_member(
    access: Annotated[Access, writes(Action.MEMBER_LEAVE)], user_name: UserName, session: Session
) -> None:
    """End a membership: one's own, or, as a maintainer, a lower one."""
    await remove_member(session, access=access, user_name=user_name)
