"""`on.schedule` of a pipeline's current version as schedules."""

import uuid

from app.core.db import AsyncSession, Database
from app.core.errors import Conflict
from app.engine.definition import Definition
from app.engine.document import InvalidDefinition
from app.engine.plan import InvalidPlan
from app.jobs.catalog import SyncSchedules
from app.pipelines.definitions import parse_version
from app.pipelines.errors import PipelineNotFound
from app.pipelines.models import PipelineVersion
from app.pipelines.repository import PipelineRepository, VersionRepository
from app.triggers.schedules.repository.schedules import ScheduleRepository
from app.triggers.schedules.service.schedules import new_defined, refusal


async def sync_schedules(database: Database, message: SyncSchedules) -> None:
    """Make the schedules of a pipeline what its current version says.

    Those that stay keep whether they are switched off. Their owner is who wrote the version.
    Raises: Unavailable.
    """
    await database.transact(lambda session: _sync(session, message.pipeline_id))


async def _sync(session: AsyncSession, pipeline_id: uuid.UUID) -> None:
    try:
        pipeline = await PipelineRepository(session).lock(pipeline_id)
    except PipelineNotFound:
        return
    version = await VersionRepository(session).require(pipeline.id, pipeline.current_version)
    repository = ScheduleRepository(session)
    now = await repository.now()
    wanted = _wanted(version)
    for schedule in await repository.defined(pipeline.id):
        place = (schedule.cron, schedule.timezone)
        if place in wanted:
            wanted.remove(place)
            schedule.owner_id = version.created_by
        else:
            await repository.delete(schedule)
    new = [
        new_defined(pipeline, cron=cron, timezone=timezone, owner=version.created_by, now=now)
        for cron, timezone in wanted
        if refusal(cron, timezone, now) is None
    ]
    await repository.save(*new, conflict=Conflict())


def _wanted(version: PipelineVersion) -> list[tuple[str, str]]:
    try:
        definition: Definition = parse_version(version.id, version.source, version.files).definition
    except (InvalidDefinition, InvalidPlan):
        return []
    places = [(each.cron, each.timezone) for each in definition.on.schedules]
    return list(dict.fromkeys(places))
