"""Statements about schedules; what a caller may see is in the base statement."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, func, select

from app.auth.models import User
from app.auth.principals import Principal
from app.core.clock import db_now
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.projects.repository import visible
from app.triggers.schedules.errors import ScheduleNotFound
from app.triggers.schedules.models import Overlap, Schedule

T = TypeVar("T")


class ScheduleRepository(Repository):
    """Schedules."""

    async def find(self, principal: Principal, schedule_id: uuid.UUID) -> Schedule:
        """A schedule of a project that the caller may see.

        Raises: ScheduleNotFound.
        """
        statement = select(Schedule).where(
            Schedule.id == schedule_id, visible(Schedule.project_id, principal)
        )
        schedule = await self.session.scalar(statement)
        if schedule is None:
            raise ScheduleNotFound
        return schedule

    async def lock(self, schedule_id: uuid.UUID) -> Schedule | None:
        """The row as it is now; nobody else changes it until this transaction ends."""
        return await self.session.scalar(locked(select(Schedule).where(Schedule.id == schedule_id)))

    async def lock_unheld(self, ids: Iterable[uuid.UUID]) -> Sequence[Schedule]:
        """Those of `ids` whose fires wait for nothing, locked, in order."""
        statement = (
            select(Schedule)
            .where(Schedule.id.in_(sorted(ids)), Schedule.overlap == Overlap.ALLOW)
            .order_by(Schedule.id)
        )
        return (await self.session.scalars(locked(statement))).all()

    async def of_pipeline(self, pipeline_id: uuid.UUID, params: PageParams) -> Slice[Schedule]:
        """A page of those of a pipeline."""
        return await self.page(_of(pipeline_id), Schedule.id, params)

    async def of_project(self, project_id: uuid.UUID, params: PageParams) -> Slice[Schedule]:
        """A page of those of a project."""
        statement = select(Schedule).where(Schedule.project_id == project_id)
        return await self.page(statement, Schedule.id, params)

    async def defined(self, pipeline_id: uuid.UUID) -> Sequence[Schedule]:
        """Those that stand in the pipeline's file, locked."""
        statement = _of(pipeline_id).where(Schedule.is_defined.is_(True)).order_by(Schedule.id)
        return (await self.session.scalars(statement.with_for_update())).all()

    async def count(self, pipeline_id: uuid.UUID) -> int:
        """How many a pipeline has."""
        statement = select(func.count()).where(Schedule.pipeline_id == pipeline_id)
        return (await self.session.execute(statement)).scalar_one()

    async def owners(self, schedules: Iterable[Schedule]) -> Mapping[uuid.UUID, User]:
        """The users whose rights count, by id; one statement."""
        ids = {schedule.owner_id for schedule in schedules} - {None}
        rows = await self.session.scalars(select(User).where(User.id.in_(ids)))
        return {user.id: user for user in rows}

    async def owner(self, schedule: Schedule) -> User | None:
        """The user whose rights count, as they are now."""
        if schedule.owner_id is None:
            return None
        return await self.session.get(User, schedule.owner_id)

    async def now(self) -> datetime:
        """The database's time."""
        return (await self.session.execute(select(db_now()))).scalar_one()


def locked(statement: Select[T]) -> Select[T]:
    """Rows as they are now, that nobody else changes until the transaction ends."""
    return statement.with_for_update().execution_options(populate_existing=True)


def _of(pipeline_id: uuid.UUID) -> Select[Schedule]:
    return select(Schedule).where(Schedule.pipeline_id == pipeline_id)
