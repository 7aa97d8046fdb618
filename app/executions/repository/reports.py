"""Statements about stored reports."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.core.db import Replay
from app.core.orm import table_of
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository, is_duplicate
from app.executions.models import Report

_DAY_BITS = 32


def report_id(day: date, scope_id: uuid.UUID) -> uuid.UUID:
    """The id of the report of a project or pipeline about a day: computed again it is the same,
    and later days have greater ids."""
    scope = int.from_bytes(blake2b(scope_id.bytes, digest_size=12).digest())
    return uuid.UUID(int=day.toordinal() << (128 - _DAY_BITS) | scope)


class ReportRepository(Repository):
    """Reports of projects and of pipelines."""

    async def last_day(self) -> date | None:
        """The newest day that there is a report about; None: there is none at all."""
        newest = select(func.max(Report.id)).scalar_subquery()
        return await self.session.scalar(select(Report.day).where(Report.id == newest))

    async def replace(self, since: date, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put these in the place of all reports about `since` and later days: two statements.

        Raises: Replay when somebody else does so at the same time.
        """
        first = uuid.UUID(int=since.toordinal() << (128 - _DAY_BITS))
        await self.session.execute(delete(table_of(Report)).where(Report.id >= first))
        if not rows:
            return
        try:
            await self.session.execute(insert(table_of(Report)), list(rows))
        except IntegrityError as error:
            if is_duplicate(error):
                raise Replay from error
            raise

    async def of_project(self, project_id: uuid.UUID, params: PageParams) -> Slice[Report]:
        """A page of the reports of a whole project, the newest day first."""
        statement = select(Report).where(
            Report.project_id == project_id, Report.pipeline_id.is_(None)
        )
        return await self.page(statement, Report.id, params)

    async def of_pipeline(self, pipeline_id: uuid.UUID, params: PageParams) -> Slice[Report]:
        """A page of the reports of a pipeline, the newest day first."""
        statement = select(Report).where(Report.pipeline_id == pipeline_id)
        return await self.page(statement, Report.id, params)
