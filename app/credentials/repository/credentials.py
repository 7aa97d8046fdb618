"""Statements about credentials."""

import uuid

from sqlalchemy import select

from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential


class CredentialRepository(Repository):
    """Credentials of one project, encrypted."""

    async def list(self, project_id: uuid.UUID, params: PageParams) -> Slice[Credential]:
        statement = select(Credential).where(Credential.project_id == project_id)
        return await self.page(statement, Credential.id, params)

    async def require(
        self, project_id: uuid.UUID, credential_id: uuid.UUID, *, lock: bool = False
    ) -> Credential:
        statement = select(Credential).where(
            Credential.project_id == project_id, Credential.id == credential_id
        )
        if lock:
            statement = statement.with_for_update()
        credential = await self.session.scalar(statement)
        if credential is None:
            raise CredentialNotFound
        return credential

    async def get_by_name(self, project_id: uuid.UUID, name: str) -> Credential | None:
        """The credential of this name, whatever its case."""
        statement = select(Credential).where(
            Credential.project_id == project_id, Credential.folded == name.strip().casefold()
        )
        return (await self.session.execute(statement)).scalar_one_or_none()
