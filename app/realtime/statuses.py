"""Status of pipelines: a constant number of statements, however many pipelines a page has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select

from app.auth.principals import Principal
from app.core.clock import seconds_between
from app.core.db import ReadSession
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, ExecutionStatus
from app.executions.models import Execution, Job
from app.pipelines.models import Pipeline
from app.projects.repository import permitted
from app.projects.rights import Action
from app.realtime.schemas import LastExecution, PipelineStatus, PipelineStatuses

WINDOW = 100
"""How many executions of a pipeline the figures are over."""


@dataclass(frozen=True, slots=True)
class StatusFilters:
    """Which pipelines; None: any."""

    project_id: UUID | None = None
    status: ExecutionStatus | None = None
    search: str | None = None
    after: UUID | None = None
    limit: int = 50

    @property
    def key(self) -> str:
        """The same for the same pipelines, other for others."""
        return repr((self.project_id, self.status, self.search, self.after, self.limit))


class StatusRepository:
    """Reads for the status pages and for snapshots."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def page(self, principal: Principal, filters: StatusFilters) -> PipelineStatuses:
        """A page of the pipelines that this principal may see."""
        statement = select(Pipeline).where(_visible(principal))
        if filters.project_id is not None:
            statement = statement.where(Pipeline.project_id == filters.project_id)
        if filters.search:
            statement = statement.where(Pipeline.name.icontains(filters.search, autoescape=True))
        if filters.status is not None:
            statement = statement.where(_newest_status() == filters.status)
        if filters.after is not None:
            statement = statement.where(Pipeline.id < filters.after)
        statement = statement.order_by(Pipeline.id.desc()).limit(filters.limit + 1)
        found = list(await self._session.scalars(statement))
        shown = found[: filters.limit]
        items = await self._statuses(shown)
        more = len(found) > filters.limit
        return PipelineStatuses(items=items, next=str(shown[-1].id) if more else None)

    async def of_project(self, project_id: UUID) -> PipelineStatuses:
        """The newest 100 pipelines of a project."""
        statement = (
            select(Pipeline)
            .where(Pipeline.project_id == project_id)
            .order_by(Pipeline.id.desc())
            .limit(100)
        )
        items = await self._statuses(list(await self._session.scalars(statement)))
        return PipelineStatuses(items=items, next=None)

    async def of_pipeline(
        self, pipeline_id: UUID, principal: Principal | None = None
    ) -> PipelineStatus | None:
        """One pipeline; None when there is none or this principal may not know of it."""
        statement = select(Pipeline).where(Pipeline.id == pipeline_id)
        if principal is not None:
            statement = statement.where(_visible(principal))
        pipeline = await self._session.scalar(statement)
        return None if pipeline is None else (await self._statuses([pipeline]))[0]

    async def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Executions by status, and jobs that have not ended by status."""
        executions = await self._session.execute(
            select(Execution.status, func.count()).group_by(Execution.status)
        )
        jobs = await self._session.execute(
            select(Job.status, func.count())
            .where(Job.status.not_in(TERMINAL_JOB))
            .group_by(Job.status)
        )
        return {row[0].value: row[1] for row in executions}, {row[0].value: row[1] for row in jobs}

    async def _statuses(self, pipelines: Sequence[Pipeline]) -> list[PipelineStatus]:
        if not pipelines:
            return []
        ids = [pipeline.id for pipeline in pipelines]
        last, figures = await self._newest(ids), await self._figures(ids)
        return [
            _status(pipeline, last.get(pipeline.id), figures.get(pipeline.id))
            for pipeline in pipelines
        ]

    async def _newest(self, ids: Sequence[UUID]) -> dict[UUID, LastExecution]:
        newest = (
            select(Execution.pipeline_id, func.max(Execution.number).label("number"))
            .where(Execution.pipeline_id.in_(ids))
            .group_by(Execution.pipeline_id)
            .subquery()
        )
        rows = await self._session.execute(
            select(
                Execution.pipeline_id,
                Execution.id,
                Execution.number,
                Execution.status,
                Execution.created_at,
                Execution.started_at,
                Execution.finished_at,
            ).join(
                newest,
                (Execution.pipeline_id == newest.c.pipeline_id)
                & (Execution.number == newest.c.number),
            )
        )
        return {row[0]: LastExecution.model_validate(row) for row in rows}

    async def _figures(self, ids: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
        rows = await self._session.execute(
            select(
                Execution.pipeline_id.label("pipeline_id"),
                _count(Execution.status.not_in(TERMINAL_EXECUTION)).label("active"),
                _count(Execution.status.in_(TERMINAL_EXECUTION)).label("finished"),
                _count(Execution.status == ExecutionStatus.SUCCESS).label("succeeded"),
                _count(Execution.status == ExecutionStatus.CANCELLED).label("cancelled"),
                func.avg(
                    case(
                        (
                            Execution.status == ExecutionStatus.SUCCESS,
                            seconds_between(Execution.started_at, Execution.finished_at),
                        )
                    )
                ).label("average_s"),
            )
            .join(Pipeline, Pipeline.id == Execution.pipeline_id)
            .where(Execution.pipeline_id.in_(ids), Execution.number > Pipeline.last_number - WINDOW)
            .group_by(Execution.pipeline_id)
        )
        return {row.pipeline_id: row._asdict() for row in rows}


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _newest_status() -> ColumnElement[Any]:
    return (
        select(Execution.status)
        .where(Execution.pipeline_id == Pipeline.id)
        .order_by(Execution.number.desc())
        .limit(1)
        .correlate(Pipeline)
        .scalar_subquery()
    )


def _status(
    pipeline: Pipeline, last: LastExecution | None, figures: Mapping[str, Any] | None
) -> PipelineStatus:
    figures = figures or {"active": 0, "finished": 0, "succeeded": 0, "cancelled": 0}
    judged = int(figures["finished"]) - int(figures["cancelled"])
    average = figures.get("average_s")
    return PipelineStatus(
        id=pipeline.id,
        project_id=pipeline.project_id,
        slug=pipeline.slug,
        name=pipeline.name,
        status=None if last is None else last.status,
        last_execution=last,
        active=int(figures["active"]),
        finished=int(figures["finished"]),
        success_rate=int(figures["succeeded"]) / judged if judged else None,
        average_duration_s=None if average is None else round(float(average), 3),
    )


def _visible(principal: Principal) -> ColumnElement[bool]:
    return permitted(Pipeline.project_id, principal, Action.PIPELINE_READ, pipeline_id=Pipeline.id)
