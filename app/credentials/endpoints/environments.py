"""Environments of a project."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.credentials.dependencies import EnvironmentId
from app.credentials.errors import EnvironmentNameTaken, EnvironmentNotFound, NobodyCouldApprove
from app.credentials.repository.environments import EnvironmentRepository
from app.credentials.schemas.environments import (
    EnvironmentCreate,
    EnvironmentRead,
    EnvironmentUpdate,
)
from app.credentials.service.environments import (
    create_environment,
    delete_environment,
    update_environment,
)
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/environments",
    tags=["environments"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: EnvironmentNotFound.doc()}
WRITING: dict[int | str, dict[str, Any]] = {
    409: EnvironmentNameTaken.doc(),
    422: NobodyCouldApprove.doc(),
}


@router.get("")
async def list_environments(
    access: Annotated[Access, reads(Action.ENVIRONMENT_READ)],
    session: ReadSession,
    paging: Paging,
    name: Annotated[
        str | None, Query(max_length=200, description="Only the one of this name, in any case")
    ] = None,
) -> Page[EnvironmentRead]:
    """The environments of a project, newest first."""
    found = await EnvironmentRepository(session).list(access.project.id, paging, name=name)
    return Page[EnvironmentRead].model_validate(found)


@router.post("", status_code=status.HTTP_201_CREATED, responses=WRITING)
async def create(
    access: Annotated[Access, writes(Action.ENVIRONMENT_WRITE)],
    body: EnvironmentCreate,
    session: Session,
) -> EnvironmentRead:
    """Make an environment."""
    made = await create_environment(session, access=access, fields=dict(body))
    return EnvironmentRead.model_validate(made)


@router.get("/{environment_id}", responses=NOT_FOUND)
async def get(
    access: Annotated[Access, reads(Action.ENVIRONMENT_READ)],
    environment_id: EnvironmentId,
    session: ReadSession,
) -> EnvironmentRead:
    """One environment."""
    found = await EnvironmentRepository(session).require(access.project.id, environment_id)
    return EnvironmentRead.model_validate(found)


@router.patch("/{environment_id}", responses={**NOT_FOUND, **WRITING})
async def update(
    access: Annotated[Access, writes(Action.ENVIRONMENT_WRITE)],
    environment_id: EnvironmentId,
    body: EnvironmentUpdate,
    session: Session,
) -> EnvironmentRead:
    """Change an environment; absent fields stay."""
    changed = await update_environment(
        session,
        access=access,
        environment_id=environment_id,
        changes=body.model_dump(exclude_unset=True),
    )
    return EnvironmentRead.model_validate(changed)


@router.delete("/{environment_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(
    access: Annotated[Access, writes(Action.ENVIRONMENT_WRITE)],
    environment_id: EnvironmentId,
    session: Session,
) -> None:
    """Delete an environment with its variables and secrets."""
    await delete_environment(session, access=access, environment_id=environment_id)
