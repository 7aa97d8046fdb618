"""Stored reports: how the executions of each day went, by project and by pipeline."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from app.core.db import AsyncSession, Database, ReadSession
from app.core.pagination import PageParams
from app.core.schemas import Page
from app.executions.days import day_of, start_of
from app.executions.figures import Figures, ReportRead
from app.executions.repository.analytics import AnalyticsRepository, Period
from app.executions.repository.reports import ReportRepository, report_id

UTC = "UTC"
FIRST_DAYS = 30
"""So many days are computed when there is no report yet."""
AGAIN_DAYS = 3
"""The last days are computed again: executions of a day end on the next one, too."""


async def compute_reports(database: Database) -> dict[str, Any]:
    """Compute the reports of the last days; six statements whatever there is to count.

    Returns the first day and how many reports there are about it and the days since.
    Raises: Unavailable.
    """

    async def write(session: AsyncSession) -> dict[str, Any]:
        repository = AnalyticsRepository(session)
        now = await repository.now()
        since = await _since(session, day_of(now, UTC))
        period = Period(None, None, start_of(since, UTC))
        rows = [
            _row(row, now)
            for found in (
                await repository.by_project_and_day(period),
                await repository.by_pipeline_and_day(period),
            )
            for row in found
        ]
        await ReportRepository(session).replace(since, rows)
        return {"since": since.isoformat(), "reports": len(rows)}

    return await database.transact(write)


async def _since(session: AsyncSession, today: date) -> date:
    last = await ReportRepository(session).last_day()
    if last is None:
        return today - timedelta(days=FIRST_DAYS - 1)
    return min(last, today) - timedelta(days=AGAIN_DAYS - 1)


def _row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    # Text on SQLite, a date elsewhere.
    day = date.fromisoformat(str(row["day"]))
    figures = Figures(**Figures.fields_of(row))
    pipeline_id: uuid.UUID | None = row.get("pipeline_id")
    return {
        "id": report_id(day, pipeline_id or row["project_id"]),
        "project_id": row["project_id"],
        "pipeline_id": pipeline_id,
        "day": day,
        "executions": figures.executions,
        "succeeded": figures.succeeded,
        "failed": figures.failed,
        "cancelled": figures.cancelled,
        "duration_p50_s": figures.duration_s.p50,
        "duration_p95_s": figures.duration_s.p95,
        "wait_p50_s": figures.wait_s.p50,
        "wait_p95_s": figures.wait_s.p95,
        "computed_at": now,
    }


async def project_reports(
    session: ReadSession, *, project_id: uuid.UUID, paging: PageParams
) -> Page[ReportRead]:
    """A page of the reports of a project, the newest day first."""
    found = await ReportRepository(session).of_project(project_id, paging)
    return Page(items=[ReportRead.of(row) for row in found.items], next=found.next)


async def pipeline_reports(
    session: ReadSession, *, pipeline_id: uuid.UUID, paging: PageParams
) -> Page[ReportRead]:
    """A page of the reports of a pipeline, the newest day first."""
    found = await ReportRepository(session).of_pipeline(pipeline_id, paging)
    return Page(items=[ReportRead.of(row) for row in found.items], next=found.next)
