"""Artifacts: what jobs write and what people and later jobs read."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select

from app.artifacts.models import Artifact
from app.auth.principals import Principal
from app.core.clock import db_now
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.executions.models import Execution, Job
from app.projects.repository import visible


class ArtifactRepository(Repository):
    """An artifact that has expired is no longer there, whether it was removed or not."""

    async def find(
        self, principal: Principal, artifact_id: uuid.UUID
    ) -> tuple[Artifact, uuid.UUID] | None:
        """An artifact that the caller may know of, with its project."""
        statement = (
            select(Artifact, Execution.project_id)
            .join(Execution, Execution.id == Artifact.execution_id)
            .where(
                Artifact.id == artifact_id,
                Artifact.expires_at > db_now(),
                visible(Execution.project_id, principal),
            )
        )
        row = (await self.session.execute(statement)).one_or_none()
        return row and (row[0], row[1])

    async def project_of(self, execution_id: uuid.UUID) -> uuid.UUID | None:
        """The project of an execution."""
        return await self.session.scalar(
            select(Execution.project_id).where(Execution.id == execution_id)
        )

    async def list(self, execution_id: uuid.UUID, params: PageParams) -> Slice[Artifact]:
        """The artifacts of an execution, oldest first."""
        statement = _there().where(Artifact.execution_id == execution_id)
        return await self.page(statement, Artifact.id, params, newest_first=False)

    async def all_of(
        self, project_id: uuid.UUID, execution_id: uuid.UUID
    ) -> Sequence[Artifact] | None:
        """All artifacts of an execution of this project by name; None: no such execution."""
        found = await self.session.scalar(
            select(Execution.id).where(
                Execution.id == execution_id, Execution.project_id == project_id
            )
        )
        if found is None:
            return None
        statement = _there().where(Artifact.execution_id == execution_id).order_by(Artifact.name)
        return (await self.session.scalars(statement)).all()

    async def lock_execution(self, execution_id: uuid.UUID) -> None:
        """Until the transaction ends nobody else adds to this execution."""
        await self.session.execute(
            select(Execution.id).where(Execution.id == execution_id).with_for_update()
        )

    async def is_held(self, job_id: uuid.UUID, token: uuid.UUID) -> bool:
        """Whether this claim still holds the job."""
        statement = select(Job.id).where(Job.id == job_id, Job.claim_token == token)
        return await self.session.scalar(statement) is not None

    async def named(self, execution_id: uuid.UUID, name: str) -> Artifact | None:
        """The artifact of this name; also an expired one, whose row is still there."""
        return await self.session.scalar(
            select(Artifact).where(Artifact.execution_id == execution_id, Artifact.name == name)
        )

    async def size_of(self, execution_id: uuid.UUID) -> int:
        """The bytes of all artifacts of an execution."""
        statement = select(func.coalesce(func.sum(Artifact.size), 0)).where(
            Artifact.execution_id == execution_id
        )
        return int(await self.session.scalar(statement) or 0)

    async def expired(self, limit: int) -> Sequence[Artifact]:
        """Artifacts whose time is over."""
        statement = (
            select(Artifact)
            .where(Artifact.expires_at <= db_now())
            .order_by(Artifact.expires_at)
            .limit(limit)
        )
        return (await self.session.scalars(statement)).all()

    async def times(self, seconds: float) -> tuple[datetime, datetime]:
        """The database's time now and so many seconds later."""
        row = (await self.session.execute(select(db_now(), db_now(seconds)))).one()
        return row[0], row[1]


def _there() -> Select[Artifact]:
    return select(Artifact).where(Artifact.expires_at > db_now())
