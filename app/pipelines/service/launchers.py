"""Launchers: people and teams that may start one pipeline without a role in its project."""

import uuid

from app.audit.recording import record_change
from app.auth.repository import UserRepository
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.pipelines.service.access import PipelineAccess
from app.projects.errors import LauncherNotFound
from app.projects.models import Launcher
from app.projects.repository.launchers import LauncherRepository
from app.projects.repository.teams import TeamRepository
from app.projects.service.changed import rights_changed


class Subject:
    """A user or a team, by name, with the users that it stands for."""

    def __init__(
        self, name: str, *, user_id: uuid.UUID | None = None, team_id: uuid.UUID | None = None
    ) -> None:
        self.name, self.user_id, self.team_id = name, user_id, team_id

    async def users(self, session: AsyncSession) -> list[uuid.UUID]:
        """Whose rights change with it."""
        if self.user_id is not None:
            return [self.user_id]
        assert self.team_id is not None
        return list(await TeamRepository(session).member_ids(self.team_id))


async def a_user(session: AsyncSession, name: str) -> Subject:
    """Raises: UserNotFound."""
    user = await UserRepository(session).require_by_name(name)
    return Subject(user.name, user_id=user.id)


async def a_team(session: AsyncSession, slug: str) -> Subject:
    """Raises: TeamNotFound."""
    team = await TeamRepository(session).require(slug)
    return Subject(team.slug, team_id=team.id)


async def add_launcher(
    session: AsyncSession, *, access: PipelineAccess, subject: Subject
) -> Launcher:
    """Let somebody start the pipeline; doing it twice is doing it once."""
    repository = LauncherRepository(session)
    ids = {"user_id": subject.user_id, "team_id": subject.team_id}
    launcher = await repository.get(access.pipeline.id, **ids)
    if launcher is not None:
        return launcher
    launcher = Launcher(id=new_id(), pipeline_id=access.pipeline.id, created_at=utcnow(), **ids)
    await repository.save(launcher, conflict=LauncherNotFound())
    await _changed(session, access, subject, "launcher.add")
    return launcher


async def remove_launcher(
    session: AsyncSession, *, access: PipelineAccess, subject: Subject
) -> None:
    """Take the right to start the pipeline.

    Raises: LauncherNotFound.
    """
    repository = LauncherRepository(session)
    launcher = await repository.get(
        access.pipeline.id, user_id=subject.user_id, team_id=subject.team_id
    )
    if launcher is None:
        raise LauncherNotFound
    await repository.delete(launcher)
    await _changed(session, access, subject, "launcher.remove")


async def _changed(
    session: AsyncSession, access: PipelineAccess, subject: Subject, action: str
) -> None:
    await rights_changed(session, await subject.users(session))
    await record_change(
        session,
        access.principal,
        action,
        kind="launcher",
        target_id=subject.user_id or subject.team_id,
        name=f"{access.pipeline.slug}: {subject.name}",
        project_id=access.project.id,
    )
