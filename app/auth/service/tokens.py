"""API tokens of users."""

import uuid
from datetime import datetime, timedelta

from app.audit.recording import fields_of, record_change
from app.auth.errors import TokenExceedsCaller, TokenNotFound
from app.auth.models import ApiToken
from app.auth.principals import Principal, Scope
from app.auth.repository import TokenRepository
from app.core.clock import new_id, utcnow
from app.core.crypto import new_token, token_digest
from app.core.db import AsyncSession
from app.core.errors import Invalid
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import rights_of, touch

_SHOWN = ("name", "scopes", "expires_at")


class ExpiryIsPast(Invalid):
    code, title = "expiry_is_past", "The token would have expired already"


class TokenLivesTooLong(Invalid):
    code, title = "token_lives_too_long", "API tokens may not live that long here"


async def create_token(
    session: AsyncSession,
    *,
    by: Principal,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
    longest_days: int = 0,
) -> tuple[ApiToken, str]:
    """A new token of the caller; returns it with its secret, which is kept nowhere.

    Parameters: `longest_days` is how long it may live, 0 for ever; without `expires_at` it does.
    Raises: TokenExceedsCaller when it could do more, or for longer, than the caller's own token;
    TokenLivesTooLong.
    """
    expires_at = limited_expiry(expires_at, longest_days)
    refuse_excess(by, scopes=scopes, expires_at=expires_at)
    token, secret = await issue_token(
        session, user_id=by.id, name=name, scopes=scopes, expires_at=expires_at
    )
    await record_change(
        session,
        by,
        "token.create",
        kind="token",
        target_id=token.id,
        name=token.name,
        after=fields_of(token, *_SHOWN),
    )
    return token, secret


def limited_expiry(expires_at: datetime | None, longest_days: int) -> datetime | None:
    """When a token ends that may live so many days (0: for ever).

    Raises: TokenLivesTooLong.
    """
    if not longest_days:
        return expires_at
    latest = utcnow() + timedelta(days=longest_days)
    if expires_at is not None and expires_at > latest:
        raise TokenLivesTooLong(f"a token may live {longest_days} days at most")
    return expires_at or latest


def refuse_excess(by: Principal, *, scopes: frozenset[Scope], expires_at: datetime | None) -> None:
    """Refuse a token that could do more, or for longer, than the caller's own.

    Raises: TokenExceedsCaller, ExpiryIsPast.
    """
    if expires_at is not None and expires_at <= utcnow():
        raise ExpiryIsPast("expires_at must be in the future")
    if not scopes <= by.scopes:
        missing = ", ".join(sorted(scopes - by.scopes))
        raise TokenExceedsCaller(f"your own token does not have the scope {missing}")
    if by.expires_at is not None and (expires_at is None or expires_at > by.expires_at):
        raise TokenExceedsCaller(f"your own token ends at {by.expires_at.isoformat()}")


async def issue_token(
    session: AsyncSession,
    *,
    user_id: uuid.UUID,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token of any user; for the server itself."""
    secret = new_token()
    token = ApiToken(
        id=new_id(),
        user_id=user_id,
        name=name,
        digest=token_digest(secret),
        scopes=sorted(scopes),
        created_at=utcnow(),
        expires_at=expires_at,
    )
    await TokenRepository(session).save(token, conflict=TokenNotFound())
    return token, secret


async def revoke_token(session: AsyncSession, *, by: Principal, token_id: uuid.UUID) -> None:
    """Delete a token of the caller; it stops working at once.

    Raises: TokenNotFound.
    """
    repository = TokenRepository(session)
    token = await repository.require(by.id, token_id)
    await repository.delete(token)
    await touch(session, rights_of(by.id))
    publish_after_commit(session, RightsChanged(user_ids=[by.id]))
    await record_change(
        session,
        by,
        "token.revoke",
        kind="token",
        target_id=token_id,
        name=token.name,
        before=fields_of(token, *_SHOWN),
    )
