"""Statements about repositories and the pipelines that are their files."""

import uuid
from collections.abc import Collection

from sqlalchemy import delete, select

from app.core.pagination import PageParams, Slice
from app.core.repository import Repository as Statements
from app.credentials.models import Credential
from app.pipelines.models import Pipeline
from app.triggers.errors import RepositoryNotFound
from app.triggers.models import HookRemoval, Repository, RepositoryPipeline


class RepositoryRepository(Statements):
    """Repositories; those of one project where a caller asks."""

    async def list(self, project_id: uuid.UUID, params: PageParams) -> Slice[Repository]:
        statement = select(Repository).where(Repository.project_id == project_id)
        return await self.page(statement, Repository.id, params)

    async def require(
        self, project_id: uuid.UUID, repository_id: uuid.UUID, *, lock: bool = False
    ) -> Repository:
        statement = select(Repository).where(
            Repository.project_id == project_id, Repository.id == repository_id
        )
        if lock:
            statement = statement.with_for_update()
        found = await self.session.scalar(statement)
        if found is None:
            raise RepositoryNotFound
        return found

    async def get(self, repository_id: uuid.UUID, *, lock: bool = False) -> Repository | None:
        """Any repository: for what comes without a caller."""
        statement = select(Repository).where(Repository.id == repository_id)
        if lock:
            statement = statement.with_for_update()
        return await self.session.scalar(statement)

    async def removal(self, removal_id: uuid.UUID) -> HookRemoval | None:
        """A webhook that is to be removed; None when that is done."""
        return await self.session.get(HookRemoval, removal_id)

    async def forget_removal(self, removal_id: uuid.UUID) -> None:
        """That webhook is removed, or stays for ever."""
        await self.session.execute(delete(HookRemoval).where(HookRemoval.id == removal_id))

    async def credential(
        self, project_id: uuid.UUID, credential_id: uuid.UUID
    ) -> Credential | None:
        """A credential of this project."""
        statement = select(Credential).where(
            Credential.project_id == project_id, Credential.id == credential_id
        )
        return await self.session.scalar(statement)

    async def pipeline(
        self, repository_id: uuid.UUID, path: str
    ) -> tuple[RepositoryPipeline, Pipeline] | None:
        """The pipeline that a file is, with the link to it."""
        statement = (
            select(RepositoryPipeline, Pipeline)
            .join(Pipeline, Pipeline.id == RepositoryPipeline.pipeline_id)
            .where(
                RepositoryPipeline.repository_id == repository_id, RepositoryPipeline.path == path
            )
        )
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def slugs_taken(self, project_id: uuid.UUID, slugs: Collection[str]) -> Collection[str]:
        """Those of the addresses that pipelines of the project have."""
        statement = select(Pipeline.slug).where(
            Pipeline.project_id == project_id, Pipeline.slug.in_(slugs)
        )
        return set(await self.session.scalars(statement))
