"""Figures over the executions of a period: each one statement, whatever there is to count.

Quantiles are by nearest rank: rows are numbered in the order of the value, in the database.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    case,
    func,
    literal,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.core.clock import db_now, first_id_at, seconds_between
from app.core.repository import Repository
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.executions.models import Execution, Job, JobAttempt, Step
from app.pipelines.models import Pipeline

MOST_PIPELINES = 100
MOST_LISTED = 20
_FAILED = (JobStatus.FAILURE.value, JobStatus.TIMED_OUT.value)
_RAN = (StepStatus.SUCCESS.value, *_FAILED)
_CLOCKS_DIFFER = timedelta(hours=1)
"""Ids are made by hosts, times by the database."""

Row = Mapping[str, Any]
Column = ColumnElement[Any] | InstrumentedAttribute[Any]
Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Period:
    """Executions of one project (None: of all), or one of its pipelines, that began from `since`
    on. `days` are the days of a time zone that is not UTC, each with the moment when it ends."""

    project_id: uuid.UUID | None
    pipeline_id: uuid.UUID | None
    since: datetime
    days: Sequence[tuple[date, datetime]] = ()

    def holds(self) -> list[ColumnElement[bool]]:
        """The conditions on executions."""
        conditions = [
            # Ids follow time: without this every execution of the project would be looked at.
            Execution.id >= first_id_at(self.since - _CLOCKS_DIFFER),
            Execution.created_at >= self.since,
        ]
        if self.project_id is not None:
            conditions.append(Execution.project_id == self.project_id)
        if self.pipeline_id is not None:
            conditions.append(Execution.pipeline_id == self.pipeline_id)
        return conditions

    def day(self) -> ColumnElement[Any]:
        """The day on which an execution was started."""
        if not self.days:
            return func.date(Execution.created_at)
        # Neither SQLite nor every MySQL knows time zones: the ends of days are computed here.
        ends = ((Execution.created_at < end, literal(f"{day}")) for day, end in self.days)
        return case(*ends, else_=literal(f"{self.days[-1][0]}"))


class AnalyticsRepository(Repository):
    """What happened in a period."""

    async def now(self) -> datetime:
        """The database's time."""
        now: datetime = (await self.session.execute(select(db_now()))).scalar_one()
        return now

    async def total(self, period: Period) -> Row:
        """All executions together."""
        rows = await self._rows(_figures(period, {"whole": literal(1)}))
        return rows[0] if rows else {}

    async def by_day(self, period: Period) -> Sequence[Row]:
        """Executions by the day that they were started on."""
        statement = _figures(period, {"day": period.day()})
        return await self._rows(statement.order_by("day"))

    async def by_project_and_day(self, period: Period) -> Sequence[Row]:
        """Executions by project and day, in no order."""
        keys: Columns = {"project_id": Execution.project_id, "day": period.day()}
        return await self._rows(_figures(period, keys))

    async def by_pipeline_and_day(self, period: Period) -> Sequence[Row]:
        """Executions by pipeline and day, in no order."""
        keys: Columns = {
            "project_id": Execution.project_id,
            "pipeline_id": Execution.pipeline_id,
            "day": period.day(),
        }
        return await self._rows(_figures(period, keys))

    async def by_pipeline(self, period: Period) -> Sequence[Row]:
        """Executions by pipeline, those with the most first."""
        figures = _figures(period, {"pipeline_id": Execution.pipeline_id}).subquery()
        return await self._rows(
            _named(figures)
            .order_by(figures.c.executions.desc(), figures.c.pipeline_id)
            .limit(MOST_PIPELINES)
        )

    async def slowest_jobs(self, period: Period) -> Sequence[Row]:
        """Jobs by the time that their current attempts took."""
        keys = {"pipeline_id": Execution.pipeline_id, "job": Job.key}
        values = {
            "duration": seconds_between(Job.started_at, Job.finished_at),
            "wait": seconds_between(Job.queued_at, Job.started_at),
        }
        ranked = (
            _ranked(keys, values)
            .join(Execution, Execution.id == Job.execution_id)
            .where(*period.holds(), Job.status.in_(_RAN), Job.started_at.is_not(None))
            .subquery()
        )
        return await self._slowest(ranked, keys, values)

    async def slowest_steps(self, period: Period) -> Sequence[Row]:
        """Steps by the time that they took."""
        keys = {"pipeline_id": Execution.pipeline_id, "job": Job.key, "step": Step.name}
        values = {"duration": seconds_between(Step.started_at, Step.finished_at)}
        ranked = (
            _ranked(keys, values)
            .join(Job, Job.id == Step.job_id)
            .join(Execution, Execution.id == Step.execution_id)
            .where(*period.holds(), Step.outcome.in_(_RAN), Step.started_at.is_not(None))
            .subquery()
        )
        return await self._slowest(ranked, keys, values)

    async def flaky_jobs(self, period: Period) -> Sequence[Row]:
        """Jobs that failed and later succeeded with the same version, ref and commit."""
        newest = select(
            Job.id.label("job_id"),
            type_coerce(Job.status, String()).label("status"),
            Job.finished_at.label("ended_at"),
        ).join(Execution, Execution.id == Job.execution_id)
        replaced = (
            select(JobAttempt.job_id, JobAttempt.status, JobAttempt.finished_at)
            .join(Job, Job.id == JobAttempt.job_id)
            .join(Execution, Execution.id == Job.execution_id)
        )
        ends = union_all(newest.where(*period.holds()), replaced.where(*period.holds())).subquery()
        keys = {"pipeline_id": Execution.pipeline_id, "job": Job.key}
        statement = (
            _flips(keys, ends.c.status, ends.c.ended_at)
            .select_from(ends)
            .join(Job, Job.id == ends.c.job_id)
            .join(Execution, Execution.id == Job.execution_id)
        )
        return await self._flaky(statement, keys)

    async def flaky_steps(self, period: Period) -> Sequence[Row]:
        """Steps that failed and later succeeded with the same version, ref and commit."""
        keys = {"pipeline_id": Execution.pipeline_id, "job": Job.key, "step": Step.name}
        statement = (
            _flips(keys, Step.outcome, Step.finished_at)
            .select_from(Step)
            .join(Job, Job.id == Step.job_id)
            .join(Execution, Execution.id == Step.execution_id)
            .where(*period.holds())
        )
        return await self._flaky(statement, keys)

    async def _slowest(self, ranked: Subquery, keys: Columns, values: Columns) -> Sequence[Row]:
        figures = (
            select(
                *(ranked.c[key] for key in keys),
                func.count().label("runs"),
                *_quantiles(ranked, values),
            )
            .group_by(*(ranked.c[key] for key in keys))
            .subquery()
        )
        order = (figures.c.duration_p95.desc(), *(figures.c[key] for key in keys))
        return await self._rows(_named(figures).order_by(*order).limit(MOST_LISTED))

    async def _flaky(self, statement: Select[Any], keys: Columns) -> Sequence[Row]:
        flips = statement.subquery()
        figures = (
            select(
                *(flips.c[key] for key in keys),
                func.count().label("times"),
                func.sum(flips.c.failures).label("failures"),
                func.sum(flips.c.runs).label("runs"),
            )
            .group_by(*(flips.c[key] for key in keys))
            .subquery()
        )
        order = (figures.c.times.desc(), *(figures.c[key] for key in keys))
        return await self._rows(_named(figures).order_by(*order).limit(MOST_LISTED))

    async def _rows(self, statement: Select[Any]) -> Sequence[Row]:
        return [row._asdict() for row in await self.session.execute(statement)]


def _figures(period: Period, keys: Columns) -> Select[Any]:
    # A re-run has the start of the first attempt: the time until its end is no duration.
    ran = Execution.status.in_(_RAN) & (Execution.attempt == 1)
    values = {
        "duration": case((ran, seconds_between(Execution.started_at, Execution.finished_at))),
        "wait": seconds_between(Execution.created_at, Execution.started_at),
    }
    ranked = _ranked(keys, values, Execution.status.label("status")).where(*period.holds())
    each = ranked.subquery()
    counts = {status.value: _count(each.c.status == status) for status in _COUNTED}
    return select(
        *(each.c[key] for key in keys),
        func.count().label("executions"),
        *(count.label(name) for name, count in counts.items()),
        *_quantiles(each, values),
    ).group_by(*(each.c[key] for key in keys))


_COUNTED = (
    ExecutionStatus.SUCCESS,
    ExecutionStatus.FAILURE,
    ExecutionStatus.TIMED_OUT,
    ExecutionStatus.CANCELLED,
)


def _ranked(keys: Columns, values: Columns, *more: ColumnElement[Any]) -> Select[Any]:
    """Every row with its values, the place of each among those of its group, and their number."""
    group = list(keys.values())
    columns: list[ColumnElement[Any]] = [key.label(name) for name, key in keys.items()]
    for name, value in values.items():
        place = func.row_number().over(partition_by=group, order_by=(value.is_(None), value))
        columns.append(value.label(name))
        columns.append(place.label(f"{name}_place"))
        columns.append(func.count(value).over(partition_by=group).label(f"{name}_count"))
    return select(*columns, *more)


def _quantiles(ranked: Subquery, values: Columns) -> list[ColumnElement[Any]]:
    return [
        func.min(
            case(
                (
                    ranked.c[f"{name}_place"] * 100 >= ranked.c[f"{name}_count"] * percent,
                    ranked.c[name],
                )
            )
        ).label(f"{name}_p{percent}")
        for name in values
        for percent in (50, 95)
    ]


def _flips(keys: Columns, status: Column, ended_at: Column) -> Select[Any]:
    """Groups of the same version, ref and commit in which a success came after a failure."""
    failed = status.in_(_FAILED)
    succeeded = status == JobStatus.SUCCESS.value
    return (
        select(
            *(key.label(name) for name, key in keys.items()),
            _count(failed).label("failures"),
            _count(status.in_(_RAN)).label("runs"),
        )
        .group_by(*keys.values(), Execution.version_id, Execution.ref, Execution.sha)
        .having(func.max(case((succeeded, ended_at))) > func.min(case((failed, ended_at))))
    )


def _named(figures: Subquery) -> Select[Any]:
    return select(figures, Pipeline.slug.label("pipeline"), Pipeline.name.label("title")).join(
        Pipeline, Pipeline.id == figures.c.pipeline_id
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
