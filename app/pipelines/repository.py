"""Statements about pipelines and versions; what a caller may see is in the base statement."""

import uuid
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import defer

from app.auth.principals import Principal
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.pipelines.errors import PipelineNotFound, VersionNotFound
from app.pipelines.models import Pipeline, PipelineVersion
from app.projects.models import Launcher, Project, Role
from app.projects.repository import permitted
from app.projects.repository.scope import launched_by, memberships, own_role
from app.projects.rights import Action


class PipelineRepository(Repository):
    """Pipelines, as far as a caller may see them."""

    async def find(
        self, principal: Principal, pipeline_id: uuid.UUID
    ) -> tuple[Pipeline, Project, Role | None] | None:
        """A pipeline with its project and what the caller was made there; one query."""
        granted = memberships(principal)
        statement = (
            select(Pipeline, Project, granted.c.role)
            .join(Project, Project.id == Pipeline.project_id)
            .outerjoin(granted, granted.c.project_id == Project.id)
            .where(Pipeline.id == pipeline_id, _visible(principal))
        )
        rows = (await self.session.execute(statement)).all()
        if not rows:
            return None
        return rows[0][0], rows[0][1], own_role(principal, (row[2] for row in rows))

    async def permitted_of(
        self, principal: Principal, pipeline_ids: Iterable[uuid.UUID], action: Action
    ) -> frozenset[uuid.UUID]:
        """Those of these pipelines with which the caller may do `action`; one query."""
        allowed = permitted(Pipeline.project_id, principal, action, pipeline_id=Pipeline.id)
        statement = select(Pipeline.id).where(Pipeline.id.in_(sorted(pipeline_ids)), allowed)
        return frozenset((await self.session.scalars(statement)).all())

    async def is_launcher(self, principal: Principal, pipeline_id: uuid.UUID) -> bool:
        """True when the caller may start this pipeline without a role in its project."""
        if principal.user_id is None:
            return False
        launched = launched_by(principal.user_id).where(Launcher.pipeline_id == pipeline_id)
        return await self.session.scalar(launched.limit(1)) is not None

    async def list(
        self, principal: Principal, params: PageParams, *, project_id: uuid.UUID | None = None
    ) -> Slice[Pipeline]:
        statement = select(Pipeline).where(_visible(principal))
        if project_id is not None:
            statement = statement.where(Pipeline.project_id == project_id)
        return await self.page(statement, Pipeline.id, params)

    async def lock(self, pipeline_id: uuid.UUID) -> Pipeline:
        """The row as it is now; nobody else changes it until this transaction ends."""
        pipeline = await self.session.scalar(
            select(Pipeline)
            .where(Pipeline.id == pipeline_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if pipeline is None:
            raise PipelineNotFound
        return pipeline


class VersionRepository(Repository):
    """Versions of one pipeline."""

    async def list(self, pipeline_id: uuid.UUID, params: PageParams) -> Slice[PipelineVersion]:
        """Versions without their texts, newest first."""
        light = _versions(pipeline_id).options(
            defer(PipelineVersion.source, raiseload=True),
            defer(PipelineVersion.files, raiseload=True),
        )
        return await self.page(light, PipelineVersion.number, params)

    async def get_by_digest(self, pipeline_id: uuid.UUID, digest: str) -> PipelineVersion | None:
        statement = _versions(pipeline_id).where(PipelineVersion.digest == digest)
        return await self.session.scalar(statement.limit(1))

    async def require(self, pipeline_id: uuid.UUID, number: int) -> PipelineVersion:
        statement = _versions(pipeline_id).where(PipelineVersion.number == number)
        version = await self.session.scalar(statement)
        if version is None:
            raise VersionNotFound(f"there is no version {number}")
        return version

    async def last_number(self, pipeline_id: uuid.UUID) -> int:
        statement = select(func.max(PipelineVersion.number)).where(
            PipelineVersion.pipeline_id == pipeline_id
        )
        return await self.session.scalar(statement) or 0


def _visible(principal: Principal) -> ColumnElement[bool]:
    return permitted(Pipeline.project_id, principal, Action.PIPELINE_READ, pipeline_id=Pipeline.id)


def _versions(pipeline_id: uuid.UUID) -> Select[PipelineVersion]:
    return select(PipelineVersion).where(PipelineVersion.pipeline_id == pipeline_id)
