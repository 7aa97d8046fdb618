"""Log-in by an account at an OpenID Connect provider, and which accounts a user has."""

import re
import secrets
import uuid

from pydantic import TypeAdapter, ValidationError

from app.audit.recording import record_change
from app.auth.errors import IdentityTaken, IdentityUnknown, UserNameTaken
from app.auth.models import Identity, User
from app.auth.principals import SYSTEM, Principal
from app.auth.provider import Account
from app.auth.repository import IdentityRepository, UserRepository
from app.auth.schemas import Email
from app.auth.service.sessions import Client, begin_session
from app.auth.service.users import create_user
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database

_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_TRIES = 5


async def log_in_with(
    database: Database, account: Account, *, client: Client, auto_create: bool
) -> str:
    """Begin a session of the user that an account is linked to; returns the cookie's secret.

    Parameters: `auto_create` makes a user for an account that is not known yet. Nobody is found
    by name or address: those change hands.
    Raises: IdentityUnknown, also when the user is switched off.
    """
    try:
        return await database.transact(
            lambda session: _log_in(session, account, client=client, auto_create=auto_create)
        )
    except (IdentityTaken, UserNameTaken):
        # Somebody else has made it at the same time: now it is there, or another name is free.
        return await database.transact(
            lambda session: _log_in(session, account, client=client, auto_create=auto_create)
        )


async def link(session: AsyncSession, account: Account, *, by: Principal) -> Identity:
    """Let an account log in as the caller; doing it twice is doing it once.

    Raises: IdentityTaken when it logs in as somebody else.
    """
    found = await IdentityRepository(session).find(account.issuer, account.subject)
    if found is None:
        return await _add(session, account, user_id=by.id, by=by)
    if found[1].id != by.id:
        raise IdentityTaken
    return found[0]


async def unlink(session: AsyncSession, *, by: Principal, identity_id: uuid.UUID) -> None:
    """Take an account from the caller; sessions that it began go on.

    Raises: IdentityNotFound.
    """
    repository = IdentityRepository(session)
    identity = await repository.require(by.id, identity_id)
    await repository.delete(identity)
    await _record(session, by, "identity.unlink", identity)


async def _log_in(
    session: AsyncSession, account: Account, *, client: Client, auto_create: bool
) -> str:
    found = await IdentityRepository(session).find(account.issuer, account.subject)
    if found is not None:
        user = await UserRepository(session).require(found[1].id, lock=True)
    elif auto_create:
        user = await _create(session, account)
    else:
        raise IdentityUnknown("log in with your password and link this account, or ask for one")
    if not user.is_active:
        raise IdentityUnknown("the user is switched off")
    user.logged_in_at = utcnow()
    principal, secret = await begin_session(session, user=user, client=client)
    await record_change(
        session, principal, "auth.login", kind="user", target_id=user.id, name=user.name
    )
    return secret


async def _create(session: AsyncSession, account: Account) -> User:
    name = await _free_name(session, account.name)
    user = await create_user(session, by=SYSTEM, name=name, email=_email(account.email))
    await _add(session, account, user_id=user.id, by=SYSTEM)
    return user


async def _free_name(session: AsyncSession, wished: str) -> str:
    """A name that nobody has, as near to the wish as our names allow."""
    base = "-".join(re.findall(r"[A-Za-z0-9]+", wished)[:5])[:60].strip("-") or "user"
    users = UserRepository(session)
    for number in range(1, _TRIES + 1):
        name = base if number == 1 else f"{base}-{number}"
        if await users.get_by_name(name) is None:
            return name
    return f"{base}-{secrets.token_hex(6)}"


def _email(given: str | None) -> str | None:
    try:
        return None if given is None else _EMAIL.validate_python(given)
    except ValidationError:
        return None


async def _add(
    session: AsyncSession, account: Account, *, user_id: uuid.UUID, by: Principal
) -> Identity:
    identity = Identity(
        id=new_id(),
        user_id=user_id,
        issuer=account.issuer,
        subject=account.subject,
        created_at=utcnow(),
    )
    await IdentityRepository(session).save(identity, conflict=IdentityTaken())
    await _record(session, by, "identity.link", identity)
    return identity


async def _record(session: AsyncSession, by: Principal, action: str, identity: Identity) -> None:
    await record_change(
        session,
        by,
        action,
        kind="identity",
        target_id=identity.user_id,
        name=f"{identity.issuer} {identity.subject}",
    )
