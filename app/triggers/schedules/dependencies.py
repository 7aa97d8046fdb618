"""Guards of routes of one schedule."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path

from app.auth.dependencies import Caller
from app.auth.principals import Principal
from app.core.db import AsyncSession
from app.core.db import ReadSession as Reading
from app.core.dependencies import ReadSession, Session
from app.projects.dependencies import guard
from app.projects.rights import Action
from app.projects.service.access import access
from app.triggers.schedules.models import Schedule
from app.triggers.schedules.repository.schedules import ScheduleRepository

ScheduleId = Annotated[uuid.UUID, Path(description="Id of a schedule")]


@dataclass(frozen=True, slots=True)
class ScheduleAccess:
    """A schedule and who asks for it."""

    schedule: Schedule
    principal: Principal


def reads_schedule(action: Action) -> Any:
    """The schedule of the path, when the caller may do `action`; for routes that only read."""

    async def schedule_read(
        principal: Caller, schedule_id: ScheduleId, session: ReadSession
    ) -> ScheduleAccess:
        return await _access(session, principal, schedule_id, action)

    return guard(schedule_read, action)


def writes_schedule(action: Action) -> Any:
    """As `reads_schedule`, in the transaction of a route that writes."""

    async def schedule_write(
        principal: Caller, schedule_id: ScheduleId, session: Session
    ) -> ScheduleAccess:
        return await _access(session, principal, schedule_id, action)

    return guard(schedule_write, action)


async def _access(
    session: AsyncSession | Reading, principal: Principal, schedule_id: uuid.UUID, action: Action
) -> ScheduleAccess:
    schedule = await ScheduleRepository(session).find(principal, schedule_id)
    await access(session, principal, project=schedule.project_id, action=action)
    return ScheduleAccess(schedule, principal)
