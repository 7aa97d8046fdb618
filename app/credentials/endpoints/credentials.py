"""Credentials of a project."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.credentials.dependencies import CredentialId, Keys
from app.credentials.errors import CredentialNameTaken, CredentialNotFound, UnusableContent
from app.credentials.repository.credentials import CredentialRepository
from app.credentials.schemas.credentials import (
    CredentialCreate,
    CredentialRead,
    CredentialUpdate,
)
from app.credentials.service.credentials import (
    create_credential,
    delete_credential,
    update_credential,
)
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/credentials",
    tags=["credentials"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: CredentialNotFound.doc()}
WRITING: dict[int | str, dict[str, Any]] = {
    409: CredentialNameTaken.doc(),
    422: UnusableContent.doc(),
}


@router.get("")
async def list_credentials(
    access: Annotated[Access, reads(Action.CREDENTIAL_READ)], session: ReadSession, paging: Paging
) -> Page[CredentialRead]:
    """The credentials of a project without what is secret in them, newest first."""
    found = await CredentialRepository(session).list(access.project.id, paging)
    return Page(items=[CredentialRead.of(row) for row in found.items], next=found.next)


@router.post("", status_code=status.HTTP_201_CREATED, responses=WRITING)
async def create(
    access: Annotated[Access, writes(Action.CREDENTIAL_WRITE)],
    body: CredentialCreate,
    session: Session,
    keys: Keys,
) -> CredentialRead:
    """Keep a credential."""
    return CredentialRead.of(await create_credential(session, keys, access=access, **dict(body)))


@router.get("/{credential_id}", responses=NOT_FOUND)
async def get(
    access: Annotated[Access, reads(Action.CREDENTIAL_READ)],
    credential_id: CredentialId,
    session: ReadSession,
) -> CredentialRead:
    """One credential without what is secret in it."""
    found = await CredentialRepository(session).require(access.project.id, credential_id)
    return CredentialRead.of(found)


@router.patch("/{credential_id}", responses={**NOT_FOUND, **WRITING})
async def update(
    access: Annotated[Access, writes(Action.CREDENTIAL_WRITE)],
    credential_id: CredentialId,
    body: CredentialUpdate,
    session: Session,
    keys: Keys,
) -> CredentialRead:
    """Change a credential; absent fields stay."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    changed = await update_credential(
        session, keys, access=access, credential_id=credential_id, changes=changes
    )
    return CredentialRead.of(changed)


@router.delete("/{credential_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(
    access: Annotated[Access, writes(Action.CREDENTIAL_WRITE)],
    credential_id: CredentialId,
    session: Session,
) -> None:
    """Delete a credential; what uses it goes on without."""
    await delete_credential(session, access=access, credential_id=credential_id)
