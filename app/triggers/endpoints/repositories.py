"""Repositories of a project."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.core.sealing import NoMasterKey
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access
from app.triggers.dependencies import (
    Keys,
    OwnRepository,
    PlaceOf,
    RepositoryId,
    reads_repository,
)
from app.triggers.errors import AddressNotAllowed, RepositoryNameTaken, RepositoryNotFound
from app.triggers.repository.repositories import RepositoryRepository
from app.triggers.schemas import (
    RepositoryCreate,
    RepositoryRead,
    RepositorySecret,
    RepositoryUpdate,
)
from app.triggers.service.hooks import webhook_url
from app.triggers.service.repositories import (
    create_repository,
    delete_repository,
    rotate_secret,
    update_repository,
)

router = APIRouter(
    prefix="/projects/{project}/repositories",
    tags=["repositories"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: RepositoryNotFound.doc()}
WRITING: dict[int | str, dict[str, Any]] = {
    409: RepositoryNameTaken.doc(),
    422: AddressNotAllowed.doc(),
}
SEALING: dict[int | str, dict[str, Any]] = {503: NoMasterKey.doc()}


@router.get("")
async def list_repositories(
    access: Annotated[Access, reads(Action.REPOSITORY_READ)], session: ReadSession, paging: Paging
) -> Page[RepositoryRead]:
    """The repositories of a project, newest first."""
    found = await RepositoryRepository(session).list(access.project.id, paging)
    return Page[RepositoryRead].model_validate(found)


@router.post("", status_code=status.HTTP_201_CREATED, responses={**WRITING, **SEALING})
async def create(
    access: Annotated[Access, writes(Action.REPOSITORY_WRITE)],
    body: RepositoryCreate,
    session: Session,
    keys: Keys,
    place: PlaceOf,
) -> RepositorySecret:
    """Add a repository: its webhook is made at the forge when there is a credential."""
    repository, secret = await create_repository(
        session, keys, access=access, fields=dict(body), allow_private=place.allow_private
    )
    url = webhook_url(place.server_url, repository.id)
    return RepositorySecret(
        **dict(RepositoryRead.model_validate(repository)), webhook_url=url, webhook_secret=secret
    )


@router.get("/{repository_id}", responses=NOT_FOUND)
async def get(
    own: Annotated[OwnRepository, reads_repository(Action.REPOSITORY_READ)],
) -> RepositoryRead:
    """One repository."""
    return RepositoryRead.model_validate(own.repository)


@router.patch("/{repository_id}", responses={**NOT_FOUND, **WRITING})
async def update(
    access: Annotated[Access, writes(Action.REPOSITORY_WRITE)],
    repository_id: RepositoryId,
    body: RepositoryUpdate,
    session: Session,
    place: PlaceOf,
) -> RepositoryRead:
    """Change a repository; absent fields stay."""
    changed = await update_repository(
        session,
        access=access,
        repository_id=repository_id,
        changes=body.model_dump(exclude_unset=True),
        allow_private=place.allow_private,
    )
    return RepositoryRead.model_validate(changed)


@router.post("/{repository_id}/secret", responses={**NOT_FOUND, **SEALING})
async def rotate(
    access: Annotated[Access, writes(Action.REPOSITORY_WRITE)],
    repository_id: RepositoryId,
    session: Session,
    keys: Keys,
    place: PlaceOf,
) -> RepositorySecret:
    """Make a new secret for the webhook: give it to the forge, the old one is refused."""
    repository, secret = await rotate_secret(
        session, keys, access=access, repository_id=repository_id
    )
    url = webhook_url(place.server_url, repository.id)
    return RepositorySecret(
        **dict(RepositoryRead.model_validate(repository)), webhook_url=url, webhook_secret=secret
    )


@router.delete("/{repository_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(
    access: Annotated[Access, writes(Action.REPOSITORY_WRITE)],
    repository_id: RepositoryId,
    session: Session,
) -> None:
    """Delete a repository with its deliveries; its pipelines and their executions stay."""
    await delete_repository(session, access=access, repository_id=repository_id)
