"""Inventories for tests."""

import uuid

from app.ansible.models import AnsibleFile, AnsibleFileVersion, FileFormat, FileKind
from app.core.clock import new_id, utcnow
from app.core.db import Database


async def add_inventory(
    database: Database,
    project_id: uuid.UUID,
    *,
    kind: FileKind = FileKind.INVENTORIES,
    name: str = "site",
    content: str = "[web]\nweb1\n",
    format: FileFormat = FileFormat.INI,
) -> uuid.UUID:
    """A file with one version."""
    file = AnsibleFile(
        id=new_id(),
        project_id=project_id,
        kind=kind,
        name=name,
        current_version=1,
        created_at=utcnow(),
        updated_at=utcnow(),
    )
    version = AnsibleFileVersion(
        file_id=file.id,
        number=1,
        format=format,
        content=content,
        sha256="0" * 64,
        created_at=utcnow(),
    )
    async with database.session() as session:
        session.add(file)
        await session.flush()
        session.add(version)
    return file.id
