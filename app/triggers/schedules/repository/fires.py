"""Statements about fires of schedules."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, delete, func, insert, literal, select, update

from app.core.clock import db_now, new_id
from app.core.orm import Id, table_of
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.engine.states import TERMINAL_EXECUTION
from app.executions.models import Execution
from app.triggers.schedules.models import CatchUp, FireStatus, Schedule, ScheduleFire
from app.triggers.schedules.repository.schedules import locked

NO_BATCH = uuid.UUID(int=0)
_LOOKED_BACK = 100
"""A schedule that waits for its own executions has one, or a few: they are among its last."""


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """What recording needs of a schedule."""

    id: uuid.UUID
    cron: str
    timezone: str
    next_fire_at: datetime
    catch_up: CatchUp


@dataclass(slots=True)
class NewFire:
    """A fire that is to be recorded."""

    schedule_id: uuid.UUID
    fire_at: datetime
    status: FireStatus
    reason: str | None = None
    batch_id: uuid.UUID = NO_BATCH


@dataclass(frozen=True, slots=True)
class Running:
    """An execution of a schedule that has not ended."""

    id: uuid.UUID
    number: int


class FireRepository(Repository):
    """Fires of schedules."""

    async def list(self, schedule_id: uuid.UUID, params: PageParams) -> Slice[ScheduleFire]:
        """A page of the fires of a schedule, newest first."""
        statement = select(ScheduleFire).where(ScheduleFire.schedule_id == schedule_id)
        return await self.page(statement, ScheduleFire.id, params)

    async def take_due(self, *, limit: int) -> tuple[datetime, Sequence[DueSchedule]]:
        """The database's time, and schedules that are due and that no other scheduler holds."""
        now = (await self.session.execute(select(db_now()))).scalar_one()
        statement = (
            select(
                Schedule.id,
                Schedule.cron,
                Schedule.timezone,
                Schedule.next_fire_at,
                Schedule.catch_up,
            )
            .where(Schedule.next_fire_at <= now)
            .order_by(Schedule.next_fire_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await self.session.execute(statement)).all()
        return now, [
            DueSchedule(id_, cron, timezone, next_fire_at, catch_up)
            for id_, cron, timezone, next_fire_at, catch_up in rows
            if next_fire_at is not None
        ]

    async def add(self, fires: Sequence[NewFire], *, now: datetime, due_at: datetime) -> None:
        """Insert fires with one statement."""
        rows = [
            {
                "id": new_id(),
                "schedule_id": fire.schedule_id,
                "fire_at": fire.fire_at,
                "status": fire.status,
                "reason": fire.reason,
                "execution_id": None,
                "batch_id": fire.batch_id,
                "due_at": due_at,
                "recorded_at": now,
            }
            for fire in fires
        ]
        if rows:
            await self.session.execute(insert(table_of(ScheduleFire)), rows)

    async def move_on(
        self, moved: Sequence[tuple[uuid.UUID, datetime | None, Sequence[datetime]]]
    ) -> None:
        """Set when schedules fire next, and when they fired last if they did."""
        table = table_of(Schedule)
        for fired in (True, False):
            values: dict[str, Any] = {"next_fire_at": bindparam("upcoming")}
            if fired:
                values["last_fire_at"] = bindparam("fired")
            rows = [
                {"row_id": id_, "upcoming": upcoming} | ({"fired": fires[-1]} if fired else {})
                for id_, upcoming, fires in moved
                if bool(fires) is fired
            ]
            if rows:
                statement = update(table).where(table.c.id == bindparam("row_id")).values(values)
                await self.session.execute(statement, rows)

    async def take_pending(self, *, limit: int) -> Sequence[uuid.UUID]:
        """Fires that have been pending for too long and that nobody else looks at."""
        statement = (
            select(ScheduleFire.id)
            .where(ScheduleFire.status == FireStatus.PENDING, ScheduleFire.due_at <= db_now())
            .order_by(ScheduleFire.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self.session.scalars(statement)).all()

    async def give_batch(
        self, ids: Sequence[uuid.UUID], batch_id: uuid.UUID, *, again_after_s: float
    ) -> None:
        """Have these fires started by the message of this batch."""
        await self.session.execute(
            update(ScheduleFire)
            .where(ScheduleFire.id.in_(ids))
            .values(batch_id=batch_id, due_at=db_now(again_after_s))
            .execution_options(synchronize_session=False)
        )

    async def pending_of(self, batch_id: uuid.UUID) -> Sequence[tuple[uuid.UUID, uuid.UUID]]:
        """Ids of the pending fires of a batch, each with its schedule, in order."""
        statement = (
            select(ScheduleFire.id, ScheduleFire.schedule_id)
            .where(ScheduleFire.batch_id == batch_id, ScheduleFire.status == FireStatus.PENDING)
            .order_by(ScheduleFire.id)
        )
        return [(row[0], row[1]) for row in await self.session.execute(statement)]

    async def lock(self, fire_id: uuid.UUID) -> ScheduleFire | None:
        """The row as it is now, when it is still pending; call it with the schedule locked."""
        return await self.session.scalar(locked(_pending([fire_id])))

    async def lock_all(self, fire_ids: Iterable[uuid.UUID]) -> Sequence[ScheduleFire]:
        """As `lock`, for several, in order; call it with their schedules locked."""
        statement = _pending(fire_ids).order_by(ScheduleFire.id)
        return (await self.session.scalars(locked(statement))).all()

    async def waits_before(self, fire: ScheduleFire) -> int:
        """How many earlier fires of its schedule are pending."""
        statement = select(func.count()).where(
            ScheduleFire.schedule_id == fire.schedule_id,
            ScheduleFire.fire_at < fire.fire_at,
            ScheduleFire.status == FireStatus.PENDING,
        )
        return (await self.session.execute(statement)).scalar_one()

    async def running(self, schedule_id: uuid.UUID) -> Sequence[Running]:
        """The executions of a schedule that have not ended."""
        last = (
            select(ScheduleFire.execution_id)
            .where(
                ScheduleFire.schedule_id == schedule_id, ScheduleFire.status == FireStatus.STARTED
            )
            .order_by(ScheduleFire.fire_at.desc())
            .limit(_LOOKED_BACK)
            .subquery()
        )
        statement = (
            select(Execution.id, Execution.number)
            .join(last, last.c.execution_id == Execution.id)
            .where(Execution.status.not_in(TERMINAL_EXECUTION))
            .order_by(Execution.id)
        )
        return [Running(*row) for row in await self.session.execute(statement)]

    async def postpone(self, fire_id: uuid.UUID, *, seconds: float, reason: str) -> None:
        """Let a pending fire wait."""
        await self.session.execute(
            update(ScheduleFire)
            .where(ScheduleFire.id == fire_id)
            .values(due_at=db_now(seconds), reason=reason)
            .execution_options(synchronize_session=False)
        )

    async def settle(
        self,
        fire_id: uuid.UUID,
        status: FireStatus,
        *,
        reason: str | None = None,
        execution_id: uuid.UUID | None = None,
    ) -> None:
        """Say what became of a pending fire."""
        await self.session.execute(
            update(ScheduleFire)
            .where(ScheduleFire.id == fire_id, ScheduleFire.status == FireStatus.PENDING)
            .values(status=status, reason=reason and reason[:2000], execution_id=execution_id)
            .execution_options(synchronize_session=False)
        )

    async def settle_started(self, executions: Mapping[uuid.UUID, uuid.UUID]) -> None:
        """Say that locked pending fires, by id, started these executions; one statement."""
        started = case(
            *((ScheduleFire.id == id_, literal(own, Id())) for id_, own in executions.items())
        )
        await self.session.execute(
            update(ScheduleFire)
            .where(ScheduleFire.id.in_(sorted(executions)))
            .values(status=FireStatus.STARTED, reason=None, execution_id=started)
            .execution_options(synchronize_session=False)
        )

    async def delete_old(self, *, older_than_s: float, limit: int) -> int:
        """Delete fires that were recorded longer ago and are not pending; returns how many."""
        old = (
            select(ScheduleFire.id)
            .where(
                ScheduleFire.status.in_(list(set(FireStatus) - {FireStatus.PENDING})),
                ScheduleFire.due_at < db_now(-older_than_s),
            )
            .limit(limit)
        )
        ids = (await self.session.scalars(old)).all()
        if ids:
            await self.session.execute(delete(ScheduleFire).where(ScheduleFire.id.in_(ids)))
        return len(ids)


def _pending(fire_ids: Iterable[uuid.UUID]) -> Select[ScheduleFire]:
    return select(ScheduleFire).where(
        ScheduleFire.id.in_(sorted(fire_ids)), ScheduleFire.status == FireStatus.PENDING
    )
