"""Passwords: changed by their owners, or set over a link that works once."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from pydantic import SecretStr

from app.audit.recording import record_change
from app.auth.errors import BadCredentials, LinkIsInvalid
from app.auth.models import PasswordLink, User
from app.auth.passwords import hash_of, verify_password
from app.auth.principals import Principal
from app.auth.repository import PasswordLinkRepository, UserRepository
from app.auth.service.sessions import Client, begin_session, end_sessions
from app.auth.service.users import create_user
from app.auth.throttle import LoginThrottle
from app.core.clock import db_now, new_id, utcnow
from app.core.crypto import new_token, token_digest
from app.core.db import AsyncSession, Database

LINK_PREFIX = "ansflow_link_"


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link with its secret, which is kept nowhere."""

    user: User
    token: str
    expires_at: datetime


async def invite(
    session: AsyncSession, *, by: Principal, valid_hours: int, **fields: object
) -> NewLink:
    """A new user without a password, and the link that sets one.

    Parameters: `fields` as `create_user` takes them.
    Raises: UserNameTaken.
    """
    user = await create_user(session, by=by, **fields)  # type: ignore[arg-type]  # from a schema
    return await _new_link(session, user, valid_hours)


async def reset_password(
    session: AsyncSession, *, by: Principal, user_id: uuid.UUID, valid_hours: int
) -> NewLink:
    """Take a user's password, end all sessions, and give a link that sets a new one.

    Raises: UserNotFound.
    """
    user = await UserRepository(session).require(user_id, lock=True)
    had_one = user.password_hash is not None
    user.password_hash = None
    await end_sessions(session, user_id=user.id)
    link = await _new_link(session, user, valid_hours)
    before, after = {"has_password": had_one}, {"has_password": False, "has_link": True}
    await _record(session, by, "user.password_reset", user, before, after)
    return link


async def redeem_link(
    database: Database, throttle: LoginThrottle, *, token: SecretStr, new: SecretStr, client: Client
) -> tuple[User, str]:
    """Set a password over a link, which is then used up; returns the cookie of a new session.

    Raises: LinkIsInvalid, TooManyLogins.
    """
    digest = token_digest(token.get_secret_value())
    await throttle.check_address(client.address)
    async with database.read() as reading:
        if not await PasswordLinkRepository(reading).exists(digest):
            await throttle.failed_from(client.address)
            raise LinkIsInvalid
    new_hash = await hash_of(new)

    async def use(session: AsyncSession) -> tuple[User, str]:
        link = await PasswordLinkRepository(session).require(digest)
        user = await UserRepository(session).require(link.user_id, lock=True)
        if not user.is_active:
            raise LinkIsInvalid
        user.password_hash = new_hash
        await PasswordLinkRepository(session).delete(link)
        await end_sessions(session, user_id=user.id)
        principal, secret = await begin_session(session, user=user, client=client)
        await _record(session, principal, "user.password_set", user)
        return user, secret

    return await database.transact(use)


async def change_password(
    database: Database, *, by: Principal, current: SecretStr, new: SecretStr, client: Client
) -> str:
    """Set a new password and end all sessions; returns the cookie of a new one.

    Raises: BadCredentials when the current password is wrong.
    """
    async with database.read() as reading:
        user = await UserRepository(reading).require(by.id)
    stored = user.password_hash
    if not await verify_password(current.get_secret_value(), stored):
        raise BadCredentials("the current password is wrong")
    new_hash = await hash_of(new)
    async with database.session() as session:
        user = await UserRepository(session).require(by.id, lock=True)
        if user.password_hash != stored:
            raise BadCredentials("the password was changed a moment ago")
        user.password_hash = new_hash
        await PasswordLinkRepository(session).delete_of(user.id)
        await end_sessions(session, user_id=by.id)
        _, secret = await begin_session(session, user=user, client=client)
        await _record(session, by, "user.password_set", user)
    return secret


async def _new_link(session: AsyncSession, user: User, valid_hours: int) -> NewLink:
    links = PasswordLinkRepository(session)
    await links.delete_of(user.id)
    token = new_token(LINK_PREFIX)
    link = PasswordLink(
        id=new_id(),
        user_id=user.id,
        digest=token_digest(token),
        created_at=utcnow(),
        # The database's clock: it is compared with it later.
        expires_at=cast(datetime, db_now(valid_hours * 3600.0)),
    )
    await links.save(link, conflict=LinkIsInvalid())
    return NewLink(user, token, utcnow() + timedelta(hours=valid_hours))


async def _record(
    session: AsyncSession,
    by: Principal,
    action: str,
    user: User,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    await record_change(
        session,
        by,
        action,
        kind="user",
        target_id=user.id,
        name=user.name,
        before=before,
        after=after,
    )
