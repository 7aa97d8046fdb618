"""What a trigger reads and writes."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Insert,
    Integer,
    Select,
    bindparam,
    case,
    delete,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.core.clock import db_now
from app.core.db import AsyncSession, Replay
from app.core.orm import Id, table_of
from app.executions.models import Execution, IdempotencyKey
from app.executions.repository.moving import MovingRepository
from app.pipelines.models import Pipeline, PipelineVersion
from app.projects.models import Project


@dataclass(frozen=True, slots=True)
class Counted:
    """A pipeline with the number that its next execution takes, and the version it runs."""

    number: int
    project_id: uuid.UUID
    project_slug: str
    pipeline_slug: str
    pipeline_name: str
    version_id: uuid.UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What a request with this Idempotency-Key was answered."""

    digest: str
    execution_id: uuid.UUID
    number: int


class StartRepository:
    """Statements of a trigger; the pipeline's row is locked by counting."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, pipeline_id: uuid.UUID, *, version: int | None) -> Counted | None:
        """Take the next number: the row stays locked, so numbers have no gaps and no twins."""
        values: dict[str, Any] = {"wanted": pipeline_id}
        await self._session.execute(_COUNT, values)
        statement = _CURRENT
        if version is not None:
            statement, values = _NUMBERED, {**values, "version": version}
        row = (await self._session.execute(statement, values)).one_or_none()
        return None if row is None else Counted(*row)

    async def count_all(self, wanted: Mapping[uuid.UUID, int]) -> Mapping[uuid.UUID, Counted]:
        """As `count`, for so many executions of each pipeline, of its current version: two
        statements. The number is that of the first of them; pipelines that are gone are left out.
        """
        more = case(*((Pipeline.id == id_, count) for id_, count in wanted.items()))
        await self._session.execute(
            update(Pipeline)
            .where(Pipeline.id.in_(sorted(wanted)))
            .values(last_number=Pipeline.last_number + more)
            .execution_options(synchronize_session=False)
        )
        statement = _counted(Pipeline.current_version).add_columns(Pipeline.id)
        rows = await self._session.execute(statement.where(Pipeline.id.in_(sorted(wanted))))
        counted = {row[-1]: Counted(*row[:-1]) for row in rows}
        return {
            id_: replace(each, number=each.number - wanted[id_] + 1)
            for id_, each in counted.items()
        }

    async def version(self, version_id: uuid.UUID) -> tuple[str, Mapping[str, str]]:
        """Text and called files of a version (read once per process and version)."""
        statement = select(PipelineVersion.source, PipelineVersion.files).where(
            PipelineVersion.id == version_id
        )
        source, files = (await self._session.execute(statement)).one()
        return source, files

    async def insert(self, values: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> None:
        """The execution and its jobs: two statements for any number of jobs."""
        await self._session.execute(_insert_execution(tuple(values)), dict(values))
        await MovingRepository(self._session).insert_jobs(jobs)

    async def insert_all(
        self,
        executions: Sequence[Mapping[str, Any]],
        jobs: Sequence[Mapping[str, Any]],
        *,
        now: datetime,
    ) -> None:
        """Any number of executions with their jobs: two statements. `now` is database time."""
        # A value, not an expression: the driver joins rows into one INSERT only then.
        rows = [{**values, "created_at": now} for values in executions]
        await self._session.execute(insert(table_of(Execution)), rows)
        await MovingRepository(self._session).insert_jobs(jobs)

    async def known(self, user_id: uuid.UUID, key: str) -> Known | None:
        """The answer that this user's key stands for."""
        statement = (
            select(IdempotencyKey.digest, IdempotencyKey.execution_id, Execution.number)
            .join(Execution, Execution.id == IdempotencyKey.execution_id)
            .where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
        )
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else Known(*row)

    async def remember(
        self, user_id: uuid.UUID, key: str, *, digest: str, execution_id: uuid.UUID
    ) -> None:
        """Let the key stand for this execution.

        Raises: Replay when a twin has committed first: the next read finds it.
        """
        values = {
            "user_id": user_id,
            "key": key,
            "digest": digest,
            "execution_id": execution_id,
            "created_at": db_now(),
        }
        try:
            await self._session.execute(insert(table_of(IdempotencyKey)).values(**values))
        except IntegrityError as error:
            raise Replay from error

    async def forget(self, *, older_than_s: float, limit: int) -> int:
        """Delete keys that were made longer ago; returns how many."""
        key = tuple_(IdempotencyKey.user_id, IdempotencyKey.key)
        old = (
            select(IdempotencyKey.user_id, IdempotencyKey.key)
            .where(IdempotencyKey.created_at < db_now(-older_than_s))
            .limit(limit)
        )
        rows = [tuple(row) for row in await self._session.execute(old)]
        if rows:
            await self._session.execute(delete(IdempotencyKey).where(key.in_(rows)))
        return len(rows)


def _counted(version: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Pipeline.last_number,
            Pipeline.project_id,
            Project.slug,
            Pipeline.slug,
            Pipeline.name,
            PipelineVersion.id,
            db_now(),
        )
        .join(Project, Project.id == Pipeline.project_id)
        .join(
            PipelineVersion,
            (PipelineVersion.pipeline_id == Pipeline.id) & (PipelineVersion.number == version),
        )
    )


# Made once: building a statement and its cache key costs more than sending it.
_OF_PIPELINE = Pipeline.id == bindparam("wanted", type_=Id())
_COUNT = (
    update(table_of(Pipeline))
    .where(_OF_PIPELINE)
    .values(last_number=table_of(Pipeline).c.last_number + 1)
)
_CURRENT = _counted(Pipeline.current_version).where(_OF_PIPELINE)
_NUMBERED = _counted(bindparam("version", type_=Integer())).where(_OF_PIPELINE)


@cache
def _insert_execution(columns: tuple[str, ...]) -> Insert:
    table = table_of(Execution)
    values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    return insert(table).values(created_at=db_now(), **values)
