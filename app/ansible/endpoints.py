"""Inventories and playbooks of a project."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from app.ansible.checking import check_content
from app.ansible.dependencies import CheckedFile, FileName, Kind
from app.ansible.errors import (
    AnsibleFileIsInvalid,
    AnsibleFileNotFound,
    AnsibleNameTaken,
    AnsibleVersionNotFound,
)
from app.ansible.inventory import read_inventory
from app.ansible.models import FileKind
from app.ansible.repository import AnsibleRepository
from app.ansible.schemas import (
    AnsibleFileDetail,
    AnsibleFileRead,
    AnsibleFileUpdate,
    AnsibleVersionDetail,
    AnsibleVersionRead,
    InventoryRead,
)
from app.ansible.service import create_file, delete_file, update_file
from app.auth.dependencies import CurrentUser
from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import NumberedPaging, Paging
from app.core.schemas import Page
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/ansible",
    tags=["ansible"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: AnsibleFileNotFound.doc()}
Reading = Annotated[Access, reads(Action.ANSIBLE_READ)]
Writing = Annotated[Access, writes(Action.ANSIBLE_WRITE)]


@router.get("/inventories/{file_name}/hosts", responses=NOT_FOUND)
async def list_hosts(access: Reading, file_name: FileName, session: ReadSession) -> InventoryRead:
    """The groups and hosts of an inventory."""
    repository = AnsibleRepository(session)
    file = await repository.require(access.project.id, FileKind.INVENTORIES, file_name)
    version = await repository.version(file.id, file.current_version)
    found = await asyncio.to_thread(read_inventory, version.content, version.format)
    return InventoryRead.of(found)


@router.get("/{kind}")
async def list_files(
    access: Reading, kind: Kind, session: ReadSession, paging: Paging
) -> Page[AnsibleFileRead]:
    """The inventories or playbooks of a project, newest first."""
    found = await AnsibleRepository(session).list(access.project.id, kind, paging)
    return Page[AnsibleFileRead].model_validate(found)


@router.post(
    "/{kind}",
    status_code=status.HTTP_201_CREATED,
    responses={409: AnsibleNameTaken.doc(), 422: AnsibleFileIsInvalid.doc()},
)
async def create(
    access: Writing, kind: Kind, body: CheckedFile, session: Session
) -> AnsibleFileDetail:
    """Make an inventory or a playbook; its text is checked."""
    return AnsibleFileDetail.of(*await create_file(session, access=access, kind=kind, **dict(body)))


@router.get("/{kind}/{file_name}", responses=NOT_FOUND)
async def get(
    access: Reading, kind: Kind, file_name: FileName, session: ReadSession
) -> AnsibleFileDetail:
    """One of them with its text."""
    repository = AnsibleRepository(session)
    file = await repository.require(access.project.id, kind, file_name)
    return AnsibleFileDetail.of(file, await repository.version(file.id, file.current_version))


@router.patch(
    "/{kind}/{file_name}",
    responses={
        **NOT_FOUND,
        409: AnsibleNameTaken.doc(),
        422: AnsibleFileIsInvalid.doc(),
    },
)
async def update(
    access: Writing,
    _principal: CurrentUser,
    kind: Kind,
    file_name: FileName,
    body: AnsibleFileUpdate,
    session: Session,
) -> AnsibleFileDetail:
    """Change one of them; absent fields stay, another text is a new version."""
    changes = body.model_dump(exclude_unset=True)
    file, version = await update_file(
        session, access=access, kind=kind, name=file_name, changes=changes
    )
    await check_content(kind, version.format, version.content)
    return AnsibleFileDetail.of(file, version)


@router.delete("/{kind}/{file_name}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete(access: Writing, kind: Kind, file_name: FileName, session: Session) -> None:
    """Delete one of them with its versions."""
    await delete_file(session, access=access, kind=kind, name=file_name)


@router.get("/{kind}/{file_name}/versions", responses=NOT_FOUND)
async def list_versions(
    access: Reading, kind: Kind, file_name: FileName, session: ReadSession, paging: NumberedPaging
) -> Page[AnsibleVersionRead]:
    """The versions of one of them, newest first."""
    repository = AnsibleRepository(session)
    file = await repository.require(access.project.id, kind, file_name)
    return Page[AnsibleVersionRead].model_validate(await repository.versions(file.id, paging))


@router.get("/{kind}/{file_name}/versions/{number}", responses={404: AnsibleVersionNotFound.doc()})
async def get_version(
    access: Reading,
    kind: Kind,
    file_name: FileName,
    number: Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version")],
    session: ReadSession,
) -> AnsibleVersionDetail:
    """One version with its text."""
    repository = AnsibleRepository(session)
    file = await repository.require(access.project.id, kind, file_name)
    return AnsibleVersionDetail.model_validate(await repository.version(file.id, number))
