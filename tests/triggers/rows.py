"""Schedules as rows."""

import uuid
from datetime import datetime

from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.models import Execution, Pipeline, Schedule, User
from app.triggers.schedules.models import CatchUp, Overlap


def schedule_of(
    pipeline: Pipeline | Execution,
    owner: User | None = None,
    *,
    cron: str = "* * * * *",
    timezone: str = "UTC",
    next_fire_at: datetime | None = None,
    overlap: Overlap = Overlap.ALLOW,
    catch_up: CatchUp = CatchUp.NONE,
    inputs: dict[str, object] | None = None,
    is_defined: bool = False,
) -> Schedule:
    """A schedule of a pipeline, or of that of an execution; it is not stored yet."""
    now = utcnow()
    return Schedule(
        id=new_id(),
        project_id=pipeline.project_id,
        pipeline_id=pipeline.pipeline_id if isinstance(pipeline, Execution) else pipeline.id,
        owner_id=owner and owner.id,
        description="",
        cron=cron,
        timezone=timezone,
        ref=None,
        inputs=inputs or {},
        overlap=overlap,
        catch_up=catch_up,
        is_enabled=True,
        is_defined=is_defined,
        next_fire_at=next_fire_at,
        created_at=now,
        updated_at=now,
    )


async def add_schedule(database: Database, schedule: Schedule) -> uuid.UUID:
    """Store it."""
    async with database.session() as session:
        session.add(schedule)
    return schedule.id
