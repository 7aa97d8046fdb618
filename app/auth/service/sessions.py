"""Log-in, log-out, and the end of sessions."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import SecretStr

from app.audit.recording import record_change
from app.auth.authentication import session_principal
from app.auth.copies import forget_after_commit
from app.auth.errors import BadCredentials
from app.auth.models import LoginSession, User
from app.auth.passwords import hash_password, needs_rehash, verify_password
from app.auth.principals import ANONYMOUS, Principal
from app.auth.repository import SessionRepository, UserRepository
from app.auth.throttle import LoginThrottle
from app.core.clock import db_now, new_id, utcnow
from app.core.crypto import new_token, token_digest
from app.core.db import AsyncSession, Database
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import rights_of, touch


@dataclass(frozen=True, slots=True)
class Client:
    """Where a log-in comes from, to be shown in the list of sessions."""

    address: str
    user_agent: str


async def log_in(
    database: Database, throttle: LoginThrottle, *, name: str, password: SecretStr, client: Client
) -> tuple[User, str]:
    """Check a password and begin a session; returns the user and the secret of the cookie.

    No transaction is open while the password is checked, which takes long on purpose. A failure
    leaves an entry in the audit trail; what the throttle refuses leaves none.
    Raises: TooManyLogins, BadCredentials.
    """
    await throttle.check(name, client.address)
    async with database.read() as reading:
        user = await UserRepository(reading).get_by_name(name)
    clear = password.get_secret_value()
    stored = user.password_hash if user is not None and user.is_active else None
    if not await verify_password(clear, stored) or user is None or stored is None:
        await throttle.failed(name, client.address)
        await _record_failure(database, user)
        raise BadCredentials
    rehashed = await hash_password(clear) if needs_rehash(stored) else None
    async with database.session() as session:
        current = await UserRepository(session).require(user.id, lock=True)
        if current.password_hash != stored or not current.is_active:
            # Changed while it was checked: the old password must not win.
            raise BadCredentials
        current.password_hash = rehashed or stored
        current.logged_in_at = utcnow()
        principal, secret = await begin_session(session, user=current, client=client)
        await _record(session, principal, "auth.login", user=current)
    return current, secret


async def _record_failure(database: Database, user: User | None) -> None:
    # Not the name that was typed: now and then it is a password.
    async with database.session() as session:
        await _record(session, ANONYMOUS, "auth.login_failed", user=user)


async def _record(
    session: AsyncSession, principal: Principal, action: str, *, user: User | None
) -> None:
    await record_change(
        session,
        principal,
        action,
        kind="user",
        target_id=user.id if user else None,
        name=user.name if user else "unknown name",
    )


async def begin_session(
    session: AsyncSession, *, user: User, client: Client
) -> tuple[Principal, str]:
    """A new session of a user; returns it with the secret of its cookie."""
    secret = new_token(prefix="")
    row = LoginSession(
        id=new_id(),
        user_id=user.id,
        digest=token_digest(secret),
        address=client.address[:45],
        user_agent=client.user_agent[:300],
        created_at=utcnow(),
        # The database's clock: it is compared with it later.
        seen_at=cast(datetime, db_now()),
    )
    await SessionRepository(session).save(row, conflict=BadCredentials())
    return session_principal(row, user), secret


async def end_session(session: AsyncSession, *, by: Principal, session_id: uuid.UUID) -> None:
    """End one session of the caller.

    Raises: SessionNotFound.
    """
    row = await SessionRepository(session).require(by.id, session_id)
    await _end(session, by.id, [row.digest])
    await record_change(
        session, by, "session.end", kind="session", target_id=row.id, name=row.user_agent
    )


async def end_other_sessions(session: AsyncSession, *, by: Principal) -> None:
    """End all sessions of the caller except the one of this request."""
    await end_sessions(session, user_id=by.id, keep=by.credential_id)
    await record_change(
        session, by, "session.end_others", kind="user", target_id=by.id, name=by.name
    )


async def end_sessions(
    session: AsyncSession, *, user_id: uuid.UUID, keep: uuid.UUID | None = None
) -> None:
    """End all sessions of a user, except one."""
    await _end(session, user_id, await SessionRepository(session).digests(user_id, keep=keep))


async def log_out(session: AsyncSession, *, principal: Principal) -> None:
    """End the session of this request; nothing to do for a token."""
    if principal.how == "session" and principal.credential_id is not None:
        row = await SessionRepository(session).require(principal.id, principal.credential_id)
        await _end(session, principal.id, [row.digest])
        await record_change(
            session,
            principal,
            "auth.logout",
            kind="user",
            target_id=principal.id,
            name=principal.name,
        )


async def _end(session: AsyncSession, user_id: uuid.UUID, digests: Sequence[str]) -> None:
    if digests:
        await SessionRepository(session).revoke(digests)
    forget_after_commit(session, user_id, digests)
    await touch(session, rights_of(user_id))
    publish_after_commit(session, RightsChanged(user_ids=[user_id]))
