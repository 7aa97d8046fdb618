"""Versions: immutable; saving and rolling back choose the current one."""

from typing import Any

from app.audit.recording import record_change
from app.auth.principals import Principal
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.jobs.catalog import SyncSchedules
from app.jobs.outbox import enqueue
from app.pipelines.checking import Checked
from app.pipelines.errors import PipelineSlugTaken
from app.pipelines.models import Pipeline, PipelineVersion
from app.pipelines.repository import PipelineRepository, VersionRepository


async def save_version(
    session: AsyncSession, *, pipeline: Pipeline, by: Principal, checked: Checked, message: str
) -> PipelineVersion:
    """Make `checked` the current version; content that was saved before keeps its number.

    Raises: PipelineNotFound when it was deleted meanwhile.
    """
    locked = await PipelineRepository(session).lock(pipeline.id)
    version = await VersionRepository(session).get_by_digest(locked.id, checked.digest)
    if version is None:
        version = await add_version(
            session, pipeline=locked, by=by, checked=checked, message=message
        )
    await _make_current(session, locked, version, by=by, action="pipeline.save")
    return version


async def roll_back(
    session: AsyncSession, *, by: Principal, pipeline: Pipeline, number: int
) -> Pipeline:
    """Make an earlier (or later) version the current one.

    Raises: VersionNotFound.
    """
    locked = await PipelineRepository(session).lock(pipeline.id)
    version = await VersionRepository(session).require(locked.id, number)
    await _make_current(session, locked, version, by=by, action="pipeline.rollback")
    return locked


async def add_version(
    session: AsyncSession, *, pipeline: Pipeline, by: Principal, checked: Checked, message: str
) -> PipelineVersion:
    """The next version of a pipeline, whose row the caller holds."""
    repository = VersionRepository(session)
    version = PipelineVersion(
        id=new_id(),
        pipeline_id=pipeline.id,
        number=await repository.last_number(pipeline.id) + 1,
        source=checked.source,
        files=dict(checked.files),
        digest=checked.digest,
        message=message,
        created_by=by.user_id,
        created_at=utcnow(),
    )
    await repository.save(version, conflict=PipelineSlugTaken())
    return version


def may_follow_runs(source: str) -> bool:
    """Whether a text may have `on: workflow_run`; its parsed form decides when a run ends."""
    return "workflow_run" in source


async def _make_current(
    session: AsyncSession,
    pipeline: Pipeline,
    version: PipelineVersion,
    *,
    by: Principal,
    action: str,
) -> None:
    before = {"current_version": pipeline.current_version}
    if pipeline.current_version != version.number:
        pipeline.current_version = version.number
        pipeline.follows_runs = may_follow_runs(version.source)
        pipeline.updated_at = utcnow()
        await enqueue(session, SyncSchedules(pipeline_id=pipeline.id))
    after = {"current_version": version.number, "content_sha256": version.digest}
    await record_pipeline(session, by, action, pipeline, before, after)


async def record_pipeline(
    session: AsyncSession,
    by: Principal,
    action: str,
    pipeline: Pipeline,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """An entry in the audit trail of the pipeline's project."""
    await record_change(
        session,
        by,
        action,
        kind="pipeline",
        target_id=pipeline.id,
        name=pipeline.slug,
        project_id=pipeline.project_id,
        before=before,
        after=after,
    )
