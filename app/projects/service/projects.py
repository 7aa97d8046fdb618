"""Projects: create, change, delete."""

from typing import Any

from app.audit.recording import fields_of, record_change
from app.auth.principals import Principal
from app.configuration.registry import Creators, GlobalSettings
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import EXECUTIONS, PIPELINES, RIGHTS, rights_of, touch
from app.projects.errors import CreationIsForAdministrators, ProjectSlugTaken
from app.projects.models import Member, Project, Role, Visibility
from app.projects.repository import ProjectRepository
from app.projects.rights import Action
from app.projects.service.access import Access, refusal

_SHOWN = ("slug", "name", "description", "visibility")


async def create_project(
    session: AsyncSession,
    *,
    by: Principal,
    slug: str,
    name: str | None = None,
    description: str = "",
    visibility: Visibility | None = None,
    chosen: GlobalSettings | None = None,
) -> Project:
    """A new project, owned by the caller.

    Parameters: `chosen` are the global settings, where they have a say.
    Raises: ProjectSlugTaken, CreationIsForAdministrators.
    """
    chosen = chosen or GlobalSettings()
    if chosen.project_creators is Creators.ADMINISTRATORS and not by.is_administrator:
        raise CreationIsForAdministrators("ask an administrator to make it and to add you")
    now = utcnow()
    project = Project(
        id=new_id(),
        slug=slug,
        name=name or slug,
        description=description,
        visibility=visibility or Visibility(chosen.project_visibility),
        created_at=now,
        updated_at=now,
    )
    owner = Member(project_id=project.id, user_id=by.id, role=Role.OWNER, created_at=now)
    taken = ProjectSlugTaken(f"there is already a project {slug!r}")
    await ProjectRepository(session).save(project, owner, conflict=taken)
    await touch(session, PIPELINES, rights_of(by.id))
    publish_after_commit(session, RightsChanged(user_ids=[by.id]))
    await _record(session, by, "project.create", project, after=fields_of(project, *_SHOWN))
    return project


async def update_project(
    session: AsyncSession, *, access: Access, changes: dict[str, Any]
) -> Project:
    """Change fields of a project.

    Raises: RoleTooLow when the visibility is among them and the caller is no owner;
    ProjectSlugTaken.
    """
    project = access.project
    opens = "visibility" in changes and changes["visibility"] is not project.visibility
    if opens and not access.allows(Action.PROJECT_VISIBILITY):
        raise refusal(access.principal, Action.PROJECT_VISIBILITY)
    before = fields_of(project, *changes)
    for field, value in changes.items():
        setattr(project, field, value)
    project.updated_at = utcnow()
    taken = ProjectSlugTaken(f"there is already a project {project.slug!r}")
    await ProjectRepository(session).save(project, conflict=taken)
    await touch(session, PIPELINES, *([RIGHTS] if opens else []))
    if opens:
        publish_after_commit(session, RightsChanged(user_ids=None))
    await _record(session, access.principal, "project.update", project, before, changes)
    return project


async def delete_project(session: AsyncSession, *, access: Access) -> None:
    """Delete a project with everything in it."""
    before = fields_of(access.project, *_SHOWN)
    repository = ProjectRepository(session)
    await repository.delete_tokens(access.project.id)
    await repository.delete(access.project)
    await touch(session, PIPELINES, EXECUTIONS, RIGHTS)
    publish_after_commit(session, RightsChanged(user_ids=None))
    await _record(session, access.principal, "project.delete", access.project, before)


async def _record(
    session: AsyncSession,
    by: Principal,
    action: str,
    project: Project,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        by,
        action,
        kind="project",
        target_id=project.id,
        name=project.slug,
        project_id=project.id,
        before=before,
        after=after,
    )
