"""Inventories and playbooks: saved as versions, read by people and by jobs."""

import hashlib
import uuid
from typing import Any

from app.ansible.errors import AnsibleNameTaken
from app.ansible.models import AnsibleFile, AnsibleFileVersion, FileFormat, FileKind
from app.ansible.repository import AnsibleRepository
from app.audit.recording import fields_of, record_change
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database
from app.projects.service.access import Access

_SHOWN = ("name", "description", "current_version")


async def create_file(
    session: AsyncSession,
    *,
    access: Access,
    kind: FileKind,
    name: str,
    description: str,
    format: FileFormat,
    content: str,
    message: str,
) -> tuple[AnsibleFile, AnsibleFileVersion]:
    """A new inventory or playbook with its first version, which was checked.

    Raises: AnsibleNameTaken.
    """
    now = utcnow()
    file = AnsibleFile(
        id=new_id(),
        project_id=access.project.id,
        kind=kind,
        name=name,
        description=description,
        current_version=1,
        created_at=now,
        updated_at=now,
    )
    version = _version(access, file.id, 1, format, content, message)
    taken = AnsibleNameTaken(f"there is already {name!r} among the {kind}")
    await AnsibleRepository(session).save(file, version, conflict=taken)
    await _record(session, access, "ansible.create", file, after=fields_of(file, *_SHOWN))
    return file, version


async def update_file(
    session: AsyncSession,
    *,
    access: Access,
    kind: FileKind,
    name: str,
    changes: dict[str, Any],
) -> tuple[AnsibleFile, AnsibleFileVersion]:
    """Change a file; another text, which was checked, becomes its next version.

    Raises: AnsibleFileNotFound, AnsibleNameTaken.
    """
    repository = AnsibleRepository(session)
    file = await repository.require(access.project.id, kind, name, lock=True)
    version = await repository.version(file.id, file.current_version)
    before = fields_of(file, *_SHOWN)
    for field in ("name", "description"):
        if field in changes:
            setattr(file, field, changes[field])
    content = changes.get("content", version.content)
    format = changes.get("format", version.format)
    if (content, format) != (version.content, version.format):
        number = await repository.last_number(file.id) + 1
        message = changes.get("message", "")
        version = _version(access, file.id, number, format, content, message)
        file.current_version = number
        await repository.save(version, conflict=AnsibleNameTaken())
    file.updated_at = utcnow()
    taken = AnsibleNameTaken(f"there is already {file.name!r} among the {kind}")
    await repository.save(file, conflict=taken)
    await _record(
        session, access, "ansible.update", file, before=before, after=fields_of(file, *_SHOWN)
    )
    return file, version


async def delete_file(session: AsyncSession, *, access: Access, kind: FileKind, name: str) -> None:
    """Delete a file with its versions.

    Raises: AnsibleFileNotFound.
    """
    repository = AnsibleRepository(session)
    file = await repository.require(access.project.id, kind, name, lock=True)
    before = fields_of(file, *_SHOWN)
    await repository.delete(file)
    await _record(session, access, "ansible.delete", file, before=before)


async def stored_file(
    database: Database, *, project_id: uuid.UUID, kind: FileKind, name: str
) -> AnsibleFileVersion | None:
    """The text in use of a project's file, for one of its jobs; None: there is none.

    Raises: Unavailable.
    """
    async with database.read() as session:
        return await AnsibleRepository(session).current(project_id, kind, name)


def _version(
    access: Access, file_id: uuid.UUID, number: int, format: FileFormat, content: str, message: str
) -> AnsibleFileVersion:
    return AnsibleFileVersion(
        file_id=file_id,
        number=number,
        format=format,
        content=content,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        message=message,
        created_by=access.principal.user_id,
        created_at=utcnow(),
    )


async def _record(
    session: AsyncSession, access: Access, action: str, file: AnsibleFile, **sides: Any
) -> None:
    kind = "inventory" if file.kind is FileKind.INVENTORIES else "playbook"
    await record_change(
        session,
        access.principal,
        action,
        kind=kind,
        target_id=file.id,
        name=file.name,
        project_id=access.project.id,
        **sides,
    )
