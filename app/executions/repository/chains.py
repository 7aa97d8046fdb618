"""What executions that start others need to know."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select, true
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.core.db import AsyncSession, ReadSession
from app.engine.states import ExecutionStatus
from app.executions.models import Execution, Job, RunFollower
from app.pipelines.models import Pipeline, PipelineVersion
from app.projects.models import Project


@dataclass(frozen=True, slots=True)
class Listener:
    """A pipeline that may want to know of the end of others, with its current version."""

    pipeline_id: uuid.UUID
    version_id: uuid.UUID
    source: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ears:
    """Whether pipelines, and people, want to know of the ends of a project's executions."""

    pipelines: bool = False
    people: bool = False


class ChainRepository:
    """Statements about executions and those that they start."""

    def __init__(self, session: AsyncSession | ReadSession) -> None:
        self._session = session

    async def execution(self, execution_id: uuid.UUID) -> tuple[Execution, Pipeline] | None:
        """An execution and its pipeline."""
        statement = (
            select(Execution, Pipeline)
            .join(Pipeline, Pipeline.id == Execution.pipeline_id)
            .where(Execution.id == execution_id)
        )
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def pipeline_id(self, project_id: uuid.UUID, slug: str) -> uuid.UUID | None:
        """The pipeline of a project with this name in addresses."""
        statement = select(Pipeline.id).where(
            Pipeline.project_id == project_id, Pipeline.slug == slug
        )
        return await self._session.scalar(statement)

    async def end(
        self, execution_id: uuid.UUID
    ) -> tuple[ExecutionStatus, str | None, dict[str, Any]] | None:
        """Status and reason of an execution, and the outputs of its jobs by key."""
        statement = select(Execution.status, Execution.reason).where(Execution.id == execution_id)
        row = (await self._session.execute(statement)).one_or_none()
        if row is None:
            return None
        jobs = await self._session.execute(
            select(Job.key, Job.outputs).where(Job.execution_id == execution_id)
        )
        return row[0], row[1], {key: outputs for key, outputs in jobs if outputs}

    async def ears(self, project_id: uuid.UUID) -> Ears:
        """Who in a project wants to know of the end of executions."""
        follows = exists().where(Pipeline.project_id == project_id, Pipeline.follows_runs == true())
        statement = select(follows, Project.notifies).where(Project.id == project_id)
        row = (await self._session.execute(statement)).one_or_none()
        return Ears() if row is None else Ears(bool(row[0]), row[1])

    async def listeners(self, project_id: uuid.UUID) -> list[Listener]:
        """Those pipelines."""
        statement = (
            select(Pipeline.id, PipelineVersion.id, PipelineVersion.source, PipelineVersion.files)
            .join(
                PipelineVersion,
                (PipelineVersion.pipeline_id == Pipeline.id)
                & (PipelineVersion.number == Pipeline.current_version),
            )
            .where(Pipeline.project_id == project_id, Pipeline.follows_runs == true())
            .order_by(Pipeline.id)
        )
        return [Listener(*row) for row in await self._session.execute(statement)]

    async def follow(self, execution_id: uuid.UUID, attempt: int, pipeline_id: uuid.UUID) -> bool:
        """Note that a pipeline was started by this end; False: it was before."""
        values = {"execution_id": execution_id, "attempt": attempt, "pipeline_id": pipeline_id}
        is_sqlite = self._session.get_bind().dialect.name == "sqlite"
        result = await self._session.execute(
            sqlite_insert(RunFollower).values(values).on_conflict_do_nothing()
            if is_sqlite
            else mysql_insert(RunFollower).values(values).prefix_with("IGNORE")
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]  # of an INSERT
