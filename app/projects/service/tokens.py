"""Tokens of projects: worth no more than who makes them, and good in one project only."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.audit.recording import record_change
from app.auth.models import ApiToken, User
from app.auth.principals import Scope
from app.auth.repository import UserRepository
from app.auth.service.tokens import issue_token, limited_expiry, refuse_excess
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.core.errors import Conflict
from app.projects.errors import RoleTooLow
from app.projects.models import Role
from app.projects.repository.tokens import ProjectTokenRepository
from app.projects.rights import is_at_least
from app.projects.service.access import Access
from app.projects.service.changed import rights_changed


async def create_project_token(
    session: AsyncSession,
    *,
    access: Access,
    name: str,
    role: Role,
    scopes: frozenset[Scope],
    expires_at: datetime,
    longest_days: int = 0,
) -> tuple[ApiToken, User, str]:
    """A new token of a project; returns it with its secret, which is kept nowhere.

    Parameters: `longest_days` is how long it may live at most, 0 for ever.
    Raises: RoleTooLow, TokenExceedsCaller, ExpiryIsPast, TokenLivesTooLong.
    """
    if not is_at_least(access.role, role):
        raise RoleTooLow(f"as {access.role.value} you cannot make a token for {role.value}")
    ends = limited_expiry(expires_at, longest_days)
    refuse_excess(access.principal, scopes=scopes, expires_at=ends)
    id_ = new_id()
    user = User(
        id=id_,
        # What people read; the other one is unique and no name that anybody can give.
        name=f"{name[:80]} (project token)",
        name_folded=f"project token {id_}",
        is_administrator=False,
        is_active=True,
        created_at=utcnow(),
        project_id=access.project.id,
        project_role=role.value,
        made_by=access.principal.user_id,
    )
    await UserRepository(session).save(user, conflict=Conflict())
    token, secret = await issue_token(
        session, user_id=user.id, name=name, scopes=scopes, expires_at=ends
    )
    after = {"role": role, "scopes": scopes, "expires_at": ends}
    await _record(session, access, "token.create", token, after=after)
    return token, user, secret


async def revoke_project_token(
    session: AsyncSession, *, access: Access, token_id: uuid.UUID
) -> None:
    """Delete a token of a project; it stops working at once.

    Raises: TokenNotFound; RoleTooLow when its role is above the caller's.
    """
    token, user = await ProjectTokenRepository(session).require(access.project.id, token_id)
    role = Role(user.project_role or Role.GUEST)
    if not is_at_least(access.role, role):
        raise RoleTooLow(f"as {access.role.value} you cannot revoke a token of {role.value}")
    await UserRepository(session).delete(user)
    await rights_changed(session, [user.id])
    await _record(session, access, "token.revoke", token, before={"role": role})


async def _record(
    session: AsyncSession,
    access: Access,
    action: str,
    token: ApiToken,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        access.principal,
        action,
        kind="token",
        target_id=token.id,
        name=token.name,
        project_id=access.project.id,
        before=before,
        after=after,
    )
