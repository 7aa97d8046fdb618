"""Statements about inventories and playbooks."""

import uuid

from sqlalchemy import func, select
from sqlalchemy.orm import defer

from app.ansible.errors import AnsibleFileNotFound, AnsibleVersionNotFound
from app.ansible.models import AnsibleFile, AnsibleFileVersion, FileKind
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository


class AnsibleRepository(Repository):
    """Files of one project at a time."""

    async def list(
        self, project_id: uuid.UUID, kind: FileKind, params: PageParams
    ) -> Slice[AnsibleFile]:
        statement = select(AnsibleFile).where(
            AnsibleFile.project_id == project_id, AnsibleFile.kind == kind
        )
        return await self.page(statement, AnsibleFile.id, params)

    async def require(
        self, project_id: uuid.UUID, kind: FileKind, name: str, *, lock: bool = False
    ) -> AnsibleFile:
        """Raises: AnsibleFileNotFound."""
        statement = select(AnsibleFile).where(
            AnsibleFile.project_id == project_id,
            AnsibleFile.kind == kind,
            AnsibleFile.name == name,
        )
        if lock:
            statement = statement.with_for_update()
        file = await self.session.scalar(statement)
        if file is None:
            raise AnsibleFileNotFound
        return file

    async def version(self, file_id: uuid.UUID, number: int) -> AnsibleFileVersion:
        """Raises: AnsibleVersionNotFound."""
        version = await self.session.get(AnsibleFileVersion, (file_id, number))
        if version is None:
            raise AnsibleVersionNotFound
        return version

    async def versions(self, file_id: uuid.UUID, params: PageParams) -> Slice[AnsibleFileVersion]:
        """Newest first, without their texts."""
        statement = (
            select(AnsibleFileVersion)
            .where(AnsibleFileVersion.file_id == file_id)
            .options(defer(AnsibleFileVersion.content, raiseload=True))
        )
        return await self.page(statement, AnsibleFileVersion.number, params)

    async def last_number(self, file_id: uuid.UUID) -> int:
        """0: there is no version yet."""
        statement = select(func.max(AnsibleFileVersion.number)).where(
            AnsibleFileVersion.file_id == file_id
        )
        return await self.session.scalar(statement) or 0

    async def current(
        self, project_id: uuid.UUID, kind: FileKind, name: str
    ) -> AnsibleFileVersion | None:
        """The text in use of the file of this name."""
        statement = (
            select(AnsibleFileVersion)
            .join(AnsibleFile, AnsibleFile.id == AnsibleFileVersion.file_id)
            .where(
                AnsibleFile.project_id == project_id,
                AnsibleFile.kind == kind,
                AnsibleFile.name == name,
                AnsibleFileVersion.number == AnsibleFile.current_version,
            )
        )
        return await self.session.scalar(statement)
