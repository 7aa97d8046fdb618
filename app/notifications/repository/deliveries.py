"""Deliveries, and what they tell of."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select, update

from app.core.clock import db_now, seconds_between
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.engine.states import ExecutionStatus, JobStatus
from app.events import ExecutionChanged
from app.executions.models import Execution, ExecutionEvent, Job
from app.notifications.models import (
    DeliveryState,
    NotificationChannel,
    NotificationDelivery,
    NotificationEvent,
    NotificationRule,
)
from app.pipelines.models import Pipeline
from app.projects.models import Project

_OPEN = (DeliveryState.PENDING, DeliveryState.SENDING)
_FAILED = (ExecutionStatus.FAILURE, ExecutionStatus.TIMED_OUT)


class Told(NamedTuple):
    """What a delivery is about."""

    delivery: NotificationDelivery
    channel: NotificationChannel
    execution: Execution
    pipeline: Pipeline
    project: Project


class DeliveryRepository(Repository):
    """Notifications that were wanted."""

    async def list(
        self,
        project_id: uuid.UUID,
        params: PageParams,
        *,
        execution_id: uuid.UUID | None = None,
        state: DeliveryState | None = None,
    ) -> Slice[NotificationDelivery]:
        """Newest first."""
        statement = select(NotificationDelivery).where(
            NotificationDelivery.project_id == project_id
        )
        if execution_id is not None:
            statement = statement.where(NotificationDelivery.execution_id == execution_id)
        if state is not None:
            statement = statement.where(NotificationDelivery.state == state)
        return await self.page(statement, NotificationDelivery.id, params)

    async def known(
        self, subject_id: uuid.UUID, execution_id: uuid.UUID, attempt: int
    ) -> set[tuple[uuid.UUID, NotificationEvent]]:
        """The rule and event of each delivery that is recorded already."""
        statement = select(NotificationDelivery.rule_id, NotificationDelivery.event).where(
            NotificationDelivery.execution_id == execution_id,
            NotificationDelivery.subject_id == subject_id,
            NotificationDelivery.attempt == attempt,
        )
        return {(row[0], row[1]) for row in await self.session.execute(statement)}

    async def take(self, delivery_id: uuid.UUID, *, lease_s: float) -> datetime | bool:
        """Take a delivery to send it: True. Or until when somebody else has it; False: it is
        done."""
        row = (
            await self.session.execute(
                select(
                    NotificationDelivery.state,
                    NotificationDelivery.lease_until,
                    NotificationDelivery.lease_until > db_now(),
                )
                .where(NotificationDelivery.id == delivery_id)
                .with_for_update()
            )
        ).one_or_none()
        if row is None or row[0] not in _OPEN:
            return False
        if row[0] is DeliveryState.SENDING and row[1] is not None and row[2]:
            return row[1]
        await self._set(
            delivery_id,
            state=DeliveryState.SENDING,
            tries=NotificationDelivery.tries + 1,
            lease_until=db_now(lease_s),
        )
        return True

    async def settle(self, delivery_id: uuid.UUID, **values: Any) -> None:
        """Record what became of a try."""
        await self._set(delivery_id, lease_until=None, **values)

    async def _set(self, delivery_id: uuid.UUID, **values: Any) -> None:
        await self.session.execute(
            update(NotificationDelivery)
            .where(NotificationDelivery.id == delivery_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    async def now(self, offset_s: float = 0.0) -> datetime:
        """The database's time, or so many seconds later."""
        return (await self.session.execute(select(db_now(offset_s)))).scalar_one()

    async def told(self, delivery_id: uuid.UUID) -> Told | None:
        """A delivery with all that it tells of."""
        statement = (
            select(NotificationDelivery, NotificationChannel, Execution, Pipeline, Project)
            .join(NotificationRule, NotificationRule.id == NotificationDelivery.rule_id)
            .join(NotificationChannel, NotificationChannel.id == NotificationRule.channel_id)
            .join(Execution, Execution.id == NotificationDelivery.execution_id)
            .join(Pipeline, Pipeline.id == Execution.pipeline_id)
            .join(Project, Project.id == Execution.project_id)
            .where(NotificationDelivery.id == delivery_id)
        )
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else Told(*row)


class SubjectRepository(Repository):
    """Executions and jobs that somebody may want to hear of."""

    async def execution(self, execution_id: uuid.UUID) -> Execution | None:
        """An execution."""
        return await self.session.get(Execution, execution_id)

    async def waiting_job(self, job_id: uuid.UUID, attempt: int) -> tuple[Job, Execution] | None:
        """A job whose attempt waits, with its execution."""
        statement = (
            select(Job, Execution)
            .join(Execution, Execution.id == Job.execution_id)
            .where(Job.id == job_id, Job.attempt == attempt, Job.status == JobStatus.WAITING)
        )
        row = (await self.session.execute(statement)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def failed_job(self, execution_id: uuid.UUID) -> Job | None:
        """The first job that failed."""
        statement = (
            select(Job)
            .where(
                Job.execution_id == execution_id,
                Job.status.in_((JobStatus.FAILURE, JobStatus.TIMED_OUT)),
            )
            .order_by(Job.position)
            .limit(1)
        )
        return await self.session.scalar(statement)

    async def job(self, job_id: uuid.UUID) -> Job | None:
        """A job."""
        return await self.session.get(Job, job_id)

    async def had_failed_before(self, execution: Execution) -> bool:
        """Whether the last attempt or execution before this one, on the same ref, failed.

        What was cancelled says nothing.
        """
        if execution.attempt > 1:
            earlier = await self._earlier_attempt(execution)
            if earlier is not None:
                return earlier in _FAILED
        statement = (
            select(Execution.status)
            .where(
                Execution.pipeline_id == execution.pipeline_id,
                Execution.number < execution.number,
                Execution.ref.is_not_distinct_from(execution.ref),
                Execution.status.in_((ExecutionStatus.SUCCESS, *_FAILED)),
            )
            .order_by(Execution.number.desc())
            .limit(1)
        )
        return await self.session.scalar(statement) in _FAILED

    async def _earlier_attempt(self, execution: Execution) -> str | None:
        statement = (
            select(ExecutionEvent.data)
            .where(
                ExecutionEvent.execution_id == execution.id,
                ExecutionEvent.type == ExecutionChanged.type,
            )
            .order_by(ExecutionEvent.seq.desc())
            .limit(50)
        )
        decided = {ExecutionStatus.SUCCESS.value, *(status.value for status in _FAILED)}
        for data in await self.session.scalars(statement):
            if data.get("attempt") != execution.attempt and data.get("status") in decided:
                return str(data["status"])
        return None

    async def long_running(self, limit: int) -> Sequence[tuple[uuid.UUID, int, uuid.UUID]]:
        """Executions that run longer than a rule of their project allows, not told of yet: id,
        attempt and the rule."""
        told = (
            select(NotificationDelivery.id)
            .where(
                NotificationDelivery.rule_id == NotificationRule.id,
                NotificationDelivery.subject_id == Execution.id,
                NotificationDelivery.attempt == Execution.attempt,
                NotificationDelivery.event == NotificationEvent.LONG_RUNNING,
            )
            .exists()
        )
        statement = (
            select(Execution.id, Execution.attempt, NotificationRule.id)
            .join(Project, and_(Project.id == Execution.project_id, Project.notifies))
            .join(NotificationRule, NotificationRule.project_id == Execution.project_id)
            .where(
                Execution.status == ExecutionStatus.RUNNING,
                NotificationRule.is_enabled,
                or_(
                    NotificationRule.pipeline_id.is_(None),
                    NotificationRule.pipeline_id == Execution.pipeline_id,
                ),
                func.instr(NotificationRule.events, f'"{NotificationEvent.LONG_RUNNING.value}"')
                > 0,
                seconds_between(Execution.started_at, db_now())
                > NotificationRule.long_running_minutes * 60,
                ~told,
            )
            .limit(limit)
        )
        return [(row[0], row[1], row[2]) for row in await self.session.execute(statement)]
