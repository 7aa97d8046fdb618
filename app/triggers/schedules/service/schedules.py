"""Schedules: make, change, delete."""

from datetime import datetime
from itertools import islice
from typing import Any

from app.audit.recording import fields_of, record_change
from app.auth.principals import Principal
from app.core.clock import new_id
from app.core.db import AsyncSession
from app.core.errors import Conflict
from app.engine.document import cron as cron_text
from app.engine.document import timezones
from app.pipelines.models import Pipeline
from app.triggers.schedules.errors import (
    InvalidSchedule,
    ScheduleIsDefined,
    ScheduleNotFound,
    TooManySchedules,
)
from app.triggers.schedules.models import CatchUp, Overlap, Schedule
from app.triggers.schedules.repository.schedules import ScheduleRepository
from app.triggers.schedules.times import NeverFires, next_fire, upcoming

MOST = 100
"""Schedules of one pipeline."""
_SHOWN = (
    "description",
    "cron",
    "timezone",
    "ref",
    "inputs",
    "is_enabled",
    "overlap",
    "catch_up",
)
_OF_THE_FILE = frozenset({"cron", "timezone"})


async def create_schedule(
    session: AsyncSession, *, by: Principal, pipeline: Pipeline, fields: dict[str, Any]
) -> Schedule:
    """A new schedule that the caller owns.

    Parameters: `fields` as in `ScheduleCreate`.
    Raises: InvalidSchedule, TooManySchedules.
    """
    repository = ScheduleRepository(session)
    if await repository.count(pipeline.id) >= MOST:
        raise TooManySchedules(f"a pipeline has at most {MOST} schedules")
    now = await repository.now()
    schedule = Schedule(
        id=new_id(),
        project_id=pipeline.project_id,
        pipeline_id=pipeline.id,
        owner_id=by.user_id,
        is_enabled=fields.pop("enabled"),
        is_defined=False,
        created_at=now,
        updated_at=now,
        **fields,
    )
    _plan(schedule, now)
    await repository.save(schedule, conflict=Conflict())
    await record_schedule(session, by, "schedule.create", schedule, None, _fields(schedule))
    return schedule


async def update_schedule(
    session: AsyncSession, *, by: Principal, schedule: Schedule, changes: dict[str, Any]
) -> Schedule:
    """Change a schedule, which is the caller's from then on.

    Raises: InvalidSchedule, ScheduleIsDefined, ScheduleNotFound when it was deleted meanwhile.
    """
    repository = ScheduleRepository(session)
    locked = await repository.lock(schedule.id)
    if locked is None:
        raise ScheduleNotFound
    if locked.is_defined and not _OF_THE_FILE.isdisjoint(changes):
        raise ScheduleIsDefined("its times are changed in the pipeline file")
    before = _fields(locked)
    if "enabled" in changes:
        changes["is_enabled"] = changes.pop("enabled")
    for field, value in changes.items():
        setattr(locked, field, value)
    now = await repository.now()
    locked.owner_id, locked.updated_at = by.user_id, now
    _plan(locked, now)
    await repository.save(locked, conflict=Conflict())
    await record_schedule(session, by, "schedule.update", locked, before, _fields(locked))
    return locked


async def delete_schedule(session: AsyncSession, *, by: Principal, schedule: Schedule) -> None:
    """Delete a schedule with what is known of its fires; their executions stay.

    Raises: ScheduleIsDefined.
    """
    if schedule.is_defined:
        raise ScheduleIsDefined("remove it from the pipeline file, or switch it off")
    repository = ScheduleRepository(session)
    if (locked := await repository.lock(schedule.id)) is None:
        raise ScheduleNotFound
    await repository.delete(locked)
    await record_schedule(session, by, "schedule.delete", schedule, _fields(schedule), None)


def next_fires(schedule: Schedule, *, after: datetime, count: int) -> list[datetime]:
    """When a schedule will fire; nothing when it is switched off."""
    if schedule.next_fire_at is None:
        return []
    try:
        return list(islice(upcoming(schedule.cron, schedule.timezone, after), count))
    except NeverFires:
        return []


def refusal(cron: str, timezone: str, now: datetime) -> str | None:
    """Why this schedule cannot be, or None."""
    if (wrong := timezones.refusal(timezone) or cron_text.refusal(cron)) is not None:
        return wrong
    try:
        next_fire(cron, timezone, now)
    except NeverFires as error:
        return str(error)
    return None


def new_defined(
    pipeline: Pipeline, *, cron: str, timezone: str, owner: Any, now: datetime
) -> Schedule:
    """A schedule that stands in a pipeline file."""
    schedule = Schedule(
        id=new_id(),
        project_id=pipeline.project_id,
        pipeline_id=pipeline.id,
        owner_id=owner,
        description="",
        cron=cron,
        timezone=timezone,
        ref=None,
        inputs={},
        overlap=Overlap.ALLOW,
        catch_up=CatchUp.NONE,
        is_enabled=True,
        is_defined=True,
        created_at=now,
        updated_at=now,
    )
    _plan(schedule, now)
    return schedule


def _plan(schedule: Schedule, now: datetime) -> None:
    wrong = refusal(schedule.cron, schedule.timezone, now)
    if wrong is not None:
        raise InvalidSchedule(wrong)
    # Not before what it fired last: the clock may have gone back.
    after = max(now, schedule.last_fire_at or now)
    schedule.next_fire_at = (
        next_fire(schedule.cron, schedule.timezone, after) if schedule.is_enabled else None
    )


def _fields(schedule: Schedule) -> dict[str, Any]:
    return fields_of(schedule, *_SHOWN)


async def record_schedule(
    session: AsyncSession,
    by: Principal,
    action: str,
    schedule: Schedule,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """An entry in the audit trail of the schedule's project."""
    await record_change(
        session,
        by,
        action,
        kind="schedule",
        target_id=schedule.id,
        name=f"{schedule.cron} {schedule.timezone}",
        project_id=schedule.project_id,
        before=before,
        after=after,
    )
