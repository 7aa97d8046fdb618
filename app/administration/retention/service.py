"""Deletes old executions as the rules of their projects and pipelines say; never a running one."""

import uuid
from dataclasses import dataclass
from typing import Any

from app.administration.models import RetentionRule
from app.administration.retention.repository import Kept, RetentionRepository
from app.audit.recording import fields_of, record_change
from app.auth.principals import Principal
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database, ReadSession
from app.core.errors import Conflict
from app.core.logging import logger
from app.jobs.tags import EXECUTIONS, executions_of, touch
from app.projects.models import Project

log = logger(__name__)

PIPELINES_AT_ONCE = 200
AT_ONCE = 20
"""Executions that go in one transaction: each may have many log chunks."""
_FIELDS = ("days", "count", "keep_last_success")


@dataclass(frozen=True, slots=True)
class Effective:
    """What is kept. `source` is where that is said: `pipeline`, `project`, or `none`."""

    days: int | None
    count: int | None
    keep_last_success: bool
    source: str


async def effective_rule(
    session: AsyncSession | ReadSession,
    *,
    project_id: uuid.UUID,
    pipeline_id: uuid.UUID | None = None,
) -> Effective:
    """The rule that holds for a project, or for a pipeline of it."""
    scopes = [project_id] if pipeline_id is None else [pipeline_id, project_id]
    rules = await RetentionRepository(session).rules(*scopes)
    for scope_id in scopes:
        if (rule := rules.get(scope_id)) is not None:
            source = "pipeline" if scope_id == pipeline_id else "project"
            return Effective(rule.days, rule.count, rule.keep_last_success, source)
    return Effective(None, None, keep_last_success=True, source="none")


async def set_rule(
    session: AsyncSession,
    *,
    by: Principal,
    project: Project,
    fields: dict[str, Any],
    pipeline_id: uuid.UUID | None = None,
) -> Effective:
    """Set the rule of a project, or of a pipeline of it.

    Raises: Conflict when somebody else sets it at the same moment.
    """
    scope_id = pipeline_id or project.id
    repository = RetentionRepository(session)
    rule = (await repository.rules(scope_id)).get(scope_id)
    before = None if rule is None else fields_of(rule, *_FIELDS)
    if rule is None:
        rule = RetentionRule(
            id=new_id(), scope_id=scope_id, project_id=project.id, pipeline_id=pipeline_id
        )
    for name, value in fields.items():
        setattr(rule, name, value)
    rule.updated_at = utcnow()
    await repository.save(rule, conflict=Conflict("somebody else has just set it"))
    await _record(session, by, project, scope_id, before, fields_of(rule, *_FIELDS))
    return await effective_rule(session, project_id=project.id, pipeline_id=pipeline_id)


async def remove_rule(
    session: AsyncSession, *, by: Principal, project: Project, pipeline_id: uuid.UUID | None = None
) -> None:
    """Remove the rule of a project, or of a pipeline, which then follows its project."""
    scope_id = pipeline_id or project.id
    repository = RetentionRepository(session)
    rule = (await repository.rules(scope_id)).get(scope_id)
    if rule is not None:
        await repository.delete(rule)
        await _record(session, by, project, scope_id, fields_of(rule, *_FIELDS), None)


async def delete_old_executions(database: Database) -> dict[str, Any]:
    """Delete what the rules let go; returns how many executions of how many pipelines.

    Raises: Unavailable.
    """
    after, executions, pipelines = None, 0, 0
    while True:
        async with database.read() as session:
            some = await RetentionRepository(session).in_effect(after, limit=PIPELINES_AT_ONCE)
        for kept in some:
            deleted = await _delete_of(database, kept)
            executions += deleted
            pipelines += bool(deleted)
        if len(some) < PIPELINES_AT_ONCE:
            break
        after = some[-1].pipeline_id
    if executions:
        log.info("old_executions_deleted", executions=executions, pipelines=pipelines)
    return {"executions": executions, "pipelines": pipelines}


async def _delete_of(database: Database, kept: Kept) -> int:
    total = 0
    while True:
        async with database.read() as session:
            ids = await RetentionRepository(session).too_old(kept, limit=AT_ONCE)

        async def delete(session: AsyncSession, ids: Any = ids) -> int:
            deleted = await RetentionRepository(session).delete_ended(ids)
            if deleted:
                await touch(session, EXECUTIONS, executions_of(kept.project_id))
            return deleted

        deleted = await database.transact(delete) if ids else 0
        total += deleted
        # None of a full batch: all of them run again. The next time will see to them.
        if len(ids) < AT_ONCE or not deleted:
            return total


async def _record(
    session: AsyncSession,
    by: Principal,
    project: Project,
    scope_id: uuid.UUID,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    await record_change(
        session,
        by,
        "retention.delete" if after is None else "retention.write",
        kind="retention",
        target_id=scope_id,
        name=project.slug,
        project_id=project.id,
        before=before,
        after=after,
    )
