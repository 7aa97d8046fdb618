"""Who may start one pipeline without a role in its project."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from app.auth.errors import InsufficientScope, UserNotFound
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.pipelines.dependencies import reads_pipeline, writes_pipeline
from app.pipelines.errors import PipelineNotFound
from app.pipelines.service.access import PipelineAccess
from app.pipelines.service.launchers import a_team, a_user, add_launcher, remove_launcher
from app.projects.dependencies import TeamReference
from app.projects.errors import LauncherNotFound, TeamNotFound
from app.projects.repository.launchers import LauncherRepository
from app.projects.rights import Action
from app.projects.schemas_teams import LauncherRead

router = APIRouter(
    prefix="/pipelines/{pipeline_id}/launchers",
    tags=["pipelines"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: PipelineNotFound.doc(),
    },
)
UserName = Annotated[str, Path(max_length=100, description="Name of a user", examples=["ada"])]
Writes = Annotated[PipelineAccess, writes_pipeline(Action.MEMBER_WRITE)]


@router.get("")
async def list_launchers(
    access: Annotated[PipelineAccess, reads_pipeline(Action.MEMBER_READ)],
    session: ReadSession,
    paging: Paging,
) -> Page[LauncherRead]:
    """The launchers of a pipeline, oldest first."""
    rows, next_ = await LauncherRepository(session).list(access.pipeline.id, paging)
    return Page(items=[LauncherRead.of(*row) for row in rows], next=next_)


@router.put("/users/{user_name}", responses={404: UserNotFound.doc()})
async def put_user(access: Writes, user_name: UserName, session: Session) -> LauncherRead:
    """Let a person see and start this pipeline."""
    subject = await a_user(session, user_name)
    launcher = await add_launcher(session, access=access, subject=subject)
    return LauncherRead.of(launcher, subject.name, None)


@router.put("/teams/{team}", responses={404: TeamNotFound.doc()})
async def put_team(access: Writes, team: TeamReference, session: Session) -> LauncherRead:
    """Let everybody in a team see and start this pipeline."""
    subject = await a_team(session, team)
    launcher = await add_launcher(session, access=access, subject=subject)
    return LauncherRead.of(launcher, None, subject.name)


@router.delete(
    "/users/{user_name}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: LauncherNotFound.doc()},
)
async def delete_user(access: Writes, user_name: UserName, session: Session) -> None:
    """Take a person's right to start this pipeline."""
    await remove_launcher(session, access=access, subject=await a_user(session, user_name))


@router.delete(
    "/teams/{team}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: LauncherNotFound.doc()},
)
async def delete_team(access: Writes, team: TeamReference, session: Session) -> None:
    """Take a team's right to start this pipeline."""
    await remove_launcher(session, access=access, subject=await a_team(session, team))
