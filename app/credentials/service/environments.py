"""Environments: create, change, delete."""

import uuid
from typing import Any

from app.audit.recording import fields_of, record_change
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.credentials.errors import ApproverNotMember, EnvironmentNameTaken, NobodyCouldApprove
from app.credentials.models import Environment
from app.credentials.repository.environments import EnvironmentRepository
from app.projects.service.access import Access

FIELDS = (
    "name",
    "description",
    "url",
    "required_approvals",
    "approver_ids",
    "approver_role",
    "prevent_self_approval",
    "wait_minutes",
    "allowed_branches",
    "approval_hours",
)
"""What may be changed, and what the audit trail keeps."""


async def create_environment(
    session: AsyncSession, *, access: Access, fields: dict[str, Any]
) -> Environment:
    """A new environment of the project.

    Raises: EnvironmentNameTaken, ApproverNotMember, NobodyCouldApprove.
    """
    now = utcnow()
    environment = Environment(
        id=new_id(), project_id=access.project.id, created_at=now, updated_at=now
    )
    made = await _write(session, environment, fields)
    await _record(session, access, made, "create", after=fields_of(made, *FIELDS))
    return made


async def update_environment(
    session: AsyncSession, *, access: Access, environment_id: uuid.UUID, changes: dict[str, Any]
) -> Environment:
    """Change fields of an environment.

    Raises: EnvironmentNotFound, EnvironmentNameTaken, ApproverNotMember, NobodyCouldApprove.
    """
    repository = EnvironmentRepository(session)
    environment = await repository.require(access.project.id, environment_id, lock=True)
    before = fields_of(environment, *FIELDS)
    environment.updated_at = utcnow()
    changed = await _write(session, environment, changes)
    after = fields_of(changed, *FIELDS)
    await _record(session, access, changed, "update", before=before, after=after)
    return changed


async def delete_environment(
    session: AsyncSession, *, access: Access, environment_id: uuid.UUID
) -> None:
    """Delete an environment with its variables and secrets.

    Raises: EnvironmentNotFound.
    """
    repository = EnvironmentRepository(session)
    environment = await repository.require(access.project.id, environment_id, lock=True)
    before = fields_of(environment, *FIELDS)
    await repository.delete(environment)
    await _record(session, access, environment, "delete", before=before)


async def _write(
    session: AsyncSession, environment: Environment, fields: dict[str, Any]
) -> Environment:
    repository = EnvironmentRepository(session)
    if "approver_ids" in fields:
        wanted = list(dict.fromkeys(fields["approver_ids"]))
        strangers = set(wanted) - await repository.members_among(environment.project_id, wanted)
        if strangers:
            names = ", ".join(sorted(str(each) for each in strangers))
            raise ApproverNotMember(f"not a member of the project: {names}")
        fields = {**fields, "approver_ids": [str(each) for each in wanted]}
    for field, value in fields.items():
        setattr(environment, field, value)
    environment.folded = environment.name.casefold()
    _require_enough_approvers(environment)
    taken = EnvironmentNameTaken(f"there is already an environment {environment.name!r}")
    await repository.save(environment, conflict=taken)
    return environment


async def _record(
    session: AsyncSession,
    access: Access,
    environment: Environment,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        access.principal,
        f"environment.{verb}",
        kind="environment",
        target_id=environment.id,
        name=environment.name,
        project_id=environment.project_id,
        before=before,
        after=after,
    )


def _require_enough_approvers(environment: Environment) -> None:
    named = len(environment.approver_ids)
    if environment.approver_role is None and named < environment.required_approvals:
        raise NobodyCouldApprove(
            f"{environment.required_approvals} approvals are required, but only {named} people "
            "may approve: name more of them, or a role"
        )
