"""Pipelines: create, change, delete."""

import uuid
from typing import Any

from app.audit.recording import fields_of
from app.auth.principals import Principal
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.jobs.catalog import SyncSchedules
from app.jobs.outbox import enqueue
from app.jobs.tags import EXECUTIONS, PIPELINES, touch
from app.pipelines.checking import Checked
from app.pipelines.errors import PipelineSlugTaken
from app.pipelines.models import Pipeline
from app.pipelines.repository import PipelineRepository
from app.pipelines.service.versions import add_version, may_follow_runs, record_pipeline

_SHOWN = ("slug", "name", "description", "current_version")


async def create_pipeline(
    session: AsyncSession,
    *,
    by: Principal,
    project_id: uuid.UUID,
    checked: Checked,
    slug: str,
    name: str | None = None,
    description: str = "",
    message: str = "",
) -> Pipeline:
    """A new pipeline whose version 1 is `checked`.

    Raises: PipelineSlugTaken.
    """
    now = utcnow()
    pipeline = Pipeline(
        id=new_id(),
        project_id=project_id,
        slug=slug,
        name=(name or checked.definition.name or slug)[:200],
        description=description,
        current_version=1,
        follows_runs=may_follow_runs(checked.source),
        created_at=now,
        updated_at=now,
    )
    await PipelineRepository(session).save(pipeline, conflict=_taken(slug))
    await add_version(session, pipeline=pipeline, by=by, checked=checked, message=message)
    if checked.definition.on.schedules:
        await enqueue(session, SyncSchedules(pipeline_id=pipeline.id))
    await touch(session, PIPELINES)
    await record_pipeline(
        session, by, "pipeline.create", pipeline, after=fields_of(pipeline, *_SHOWN)
    )
    return pipeline


async def update_pipeline(
    session: AsyncSession, *, by: Principal, pipeline: Pipeline, changes: dict[str, Any]
) -> Pipeline:
    """Change slug, name or description.

    Raises: PipelineSlugTaken.
    """
    before = fields_of(pipeline, *changes)
    for field, value in changes.items():
        setattr(pipeline, field, value)
    pipeline.updated_at = utcnow()
    await PipelineRepository(session).save(pipeline, conflict=_taken(pipeline.slug))
    await touch(session, PIPELINES)
    await record_pipeline(session, by, "pipeline.update", pipeline, before, changes)
    return pipeline


async def delete_pipeline(session: AsyncSession, *, by: Principal, pipeline: Pipeline) -> None:
    """Delete a pipeline with its versions and executions."""
    before = fields_of(pipeline, *_SHOWN)
    await PipelineRepository(session).delete(pipeline)
    await touch(session, PIPELINES, EXECUTIONS)
    await record_pipeline(session, by, "pipeline.delete", pipeline, before)


def _taken(slug: str) -> PipelineSlugTaken:
    return PipelineSlugTaken(f"the project already has a pipeline {slug!r}")
