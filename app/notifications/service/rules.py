"""Rules: create, change, delete."""

import uuid
from collections.abc import Mapping
from typing import Any

from app.audit.recording import fields_of, record_change
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.notifications.errors import RuleNamesUnknown, TooManyChannels
from app.notifications.models import NotificationRule
from app.notifications.repository.rules import ChannelRepository, RuleRepository
from app.projects.service.access import Access

MAX_RULES = 200
FIELDS = (
    "channel_id",
    "events",
    "pipeline_id",
    "branches",
    "long_running_minutes",
    "is_enabled",
)


async def create_rule(
    session: AsyncSession, *, access: Access, fields: Mapping[str, Any]
) -> NotificationRule:
    """A new rule of the project.

    Raises: RuleNamesUnknown, TooManyChannels.
    """
    repository, now = RuleRepository(session), utcnow()
    if await repository.count(access.project.id) >= MAX_RULES:
        raise TooManyChannels(f"there may be at most {MAX_RULES} rules")
    rule = NotificationRule(
        id=new_id(), project_id=access.project.id, created_at=now, updated_at=now
    )
    await _write(session, rule, fields)
    await _record(session, access, rule, "create", after=fields_of(rule, *FIELDS))
    return rule


async def update_rule(
    session: AsyncSession, *, access: Access, rule_id: uuid.UUID, changes: Mapping[str, Any]
) -> NotificationRule:
    """Change fields of a rule.

    Raises: RuleNotFound, RuleNamesUnknown.
    """
    rule = await RuleRepository(session).require(access.project.id, rule_id, lock=True)
    before = fields_of(rule, *FIELDS)
    rule.updated_at = utcnow()
    await _write(session, rule, changes)
    await _record(session, access, rule, "update", before, fields_of(rule, *FIELDS))
    return rule


async def delete_rule(session: AsyncSession, *, access: Access, rule_id: uuid.UUID) -> None:
    """Delete a rule with what is known of its deliveries.

    Raises: RuleNotFound.
    """
    repository = RuleRepository(session)
    rule = await repository.require(access.project.id, rule_id, lock=True)
    before = fields_of(rule, *FIELDS)
    await repository.delete(rule)
    await repository.mark_project(rule.project_id)
    await _record(session, access, rule, "delete", before)


async def _write(session: AsyncSession, rule: NotificationRule, fields: Mapping[str, Any]) -> None:
    repository = RuleRepository(session)
    if "channel_id" in fields:
        await _require_channel(session, rule.project_id, fields["channel_id"])
    pipeline_id = fields.get("pipeline_id")
    if pipeline_id is not None and not await repository.has_pipeline(rule.project_id, pipeline_id):
        raise RuleNamesUnknown(f"the project has no pipeline {pipeline_id}")
    for field, value in fields.items():
        setattr(rule, field, value)
    rule.events = sorted({str(event) for event in rule.events})
    await repository.save(rule, conflict=RuleNamesUnknown())
    await repository.mark_project(rule.project_id)


async def _require_channel(
    session: AsyncSession, project_id: uuid.UUID, channel_id: uuid.UUID
) -> None:
    channels = ChannelRepository(session)
    if not await channels.exists(project_id, channel_id):
        raise RuleNamesUnknown(f"the project has no channel {channel_id}")


async def _record(
    session: AsyncSession,
    access: Access,
    rule: NotificationRule,
    verb: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        access.principal,
        f"notification_rule.{verb}",
        kind="notification_rule",
        target_id=rule.id,
        name=", ".join(rule.events),
        project_id=rule.project_id,
        before=before,
        after=after,
    )
