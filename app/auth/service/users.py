"""Users: made and changed by administrators, and by themselves."""

import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from app.auth.copies import forget_after_commit
from app.auth.errors import BadCredentials, LastAdministrator, UserNameTaken
from app.auth.models import User
from app.auth.passwords import hash_password, verify_password
from app.auth.principals import Principal
from app.auth.repository import SessionRepository, UserRepository
from app.auth.service.sessions import Client, begin_session, end_sessions
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import rights_of, touch


async def create_user(
    session: AsyncSession,
    *,
    name: str,
    password_hash: str | None = None,
    email: str | None = None,
    is_administrator: bool = False,
) -> User:
    """A new user.

    Raises: UserNameTaken.
    """
    user = User(
        id=new_id(),
        name=name,
        name_folded=name.casefold(),
        email=email,
        password_hash=password_hash,
        is_administrator=is_administrator,
        is_active=True,
        created_at=utcnow(),
    )
    taken = UserNameTaken(f"there is already a user {name!r}")
    await UserRepository(session).save(user, conflict=taken)
    return user


async def register_user(
    database: Database, *, password: SecretStr | None = None, **fields: Any
) -> User:
    """As `create_user`, from a password: it is hashed before a transaction is open.

    Raises: UserNameTaken.
    """
    password_hash = await _hash_of(password)
    async with database.session() as session:
        return await create_user(session, password_hash=password_hash, **fields)


async def update_user(
    database: Database, *, user_id: uuid.UUID, changes: Mapping[str, Any]
) -> User:
    """Change a user. A new password, or being switched off, ends the user's sessions.

    Parameters: `changes` are fields of User by name, and `password`.
    Raises: UserNotFound, LastAdministrator.
    """
    columns = {name: value for name, value in changes.items() if name != "password"}
    if "password" in changes:
        columns["password_hash"] = await _hash_of(changes["password"])

    async def change(session: AsyncSession) -> User:
        repository = UserRepository(session)
        # Always in this order, whoever is changed: two administrators that switch each other
        # off at once must not both succeed.
        administrators = set(await repository.lock_active_administrators())
        user = await repository.require(user_id, lock=True)
        for field, value in columns.items():
            setattr(user, field, value)
        if not (user.is_active and user.is_administrator) and administrators == {user_id}:
            raise LastAdministrator("make another user an administrator first")
        if "password_hash" in columns or not user.is_active:
            await end_sessions(session, user_id=user_id)
        forget_after_commit(session, user_id)
        await touch(session, rights_of(user_id))
        publish_after_commit(session, RightsChanged(user_ids=[user_id]))
        return user

    return await database.transact(change)


async def delete_user(session: AsyncSession, *, user_id: uuid.UUID) -> None:
    """Delete a user with tokens, sessions and memberships; what the user made stays.

    Raises: UserNotFound, LastAdministrator.
    """
    repository = UserRepository(session)
    administrators = set(await repository.lock_active_administrators())
    user = await repository.require(user_id, lock=True)
    if administrators == {user_id}:
        raise LastAdministrator("make another user an administrator first")
    digests = await SessionRepository(session).digests(user_id)
    await repository.delete(user)
    forget_after_commit(session, user_id, digests)
    await touch(session, rights_of(user_id))
    publish_after_commit(session, RightsChanged(user_ids=[user_id]))


async def update_self(
    session: AsyncSession, *, user_id: uuid.UUID, changes: dict[str, Any]
) -> User:
    """Change what users may change of themselves."""
    user = await UserRepository(session).require(user_id, lock=True)
    for field, value in changes.items():
        setattr(user, field, value)
    return user


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
    new_hash = await _hash_of(new)
    async with database.session() as session:
        user = await UserRepository(session).require(by.id, lock=True)
        if user.password_hash != stored:
            raise BadCredentials("the password was changed a moment ago")
        user.password_hash = new_hash
        await end_sessions(session, user_id=by.id)
        _, secret = await begin_session(session, user=user, client=client)
    return secret


async def _hash_of(password: SecretStr | None) -> str | None:
    return None if password is None else await hash_password(password.get_secret_value())
