"""Statements about environments."""

import uuid
from collections.abc import Collection

from sqlalchemy import select

from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.credentials.errors import EnvironmentNotFound
from app.credentials.models import Environment
from app.projects.models import Member


class EnvironmentRepository(Repository):
    """Environments of one project."""

    async def list(
        self, project_id: uuid.UUID, params: PageParams, *, name: str | None = None
    ) -> Slice[Environment]:
        statement = select(Environment).where(Environment.project_id == project_id)
        if name is not None:
            statement = statement.where(Environment.folded == name.casefold())
        return await self.page(statement, Environment.id, params)

    async def get_by_name(self, project_id: uuid.UUID, name: str) -> Environment | None:
        """By name, in any case."""
        statement = select(Environment).where(
            Environment.project_id == project_id, Environment.folded == name.casefold()
        )
        return await self.session.scalar(statement)

    async def require(
        self, project_id: uuid.UUID, environment_id: uuid.UUID, *, lock: bool = False
    ) -> Environment:
        statement = select(Environment).where(
            Environment.project_id == project_id, Environment.id == environment_id
        )
        if lock:
            statement = statement.with_for_update()
        environment = await self.session.scalar(statement)
        if environment is None:
            raise EnvironmentNotFound
        return environment

    async def members_among(
        self, project_id: uuid.UUID, user_ids: Collection[uuid.UUID]
    ) -> set[uuid.UUID]:
        """Those of the users that are members of the project."""
        statement = select(Member.user_id).where(
            Member.project_id == project_id, Member.user_id.in_(user_ids)
        )
        return set(await self.session.scalars(statement))
