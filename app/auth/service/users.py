"""Users: made and changed by administrators, and by themselves."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from app.audit.recording import fields_of, record_change
from app.auth.copies import forget_after_commit
from app.auth.errors import LastAdministrator, UserNameTaken
from app.auth.models import User
from app.auth.passwords import hash_of
from app.auth.principals import Principal
from app.auth.repository import SessionRepository, TokenRepository, UserRepository
from app.auth.service.sessions import end_sessions
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession, Database
from app.events import RightsChanged, publish_after_commit
from app.jobs.tags import rights_of, touch

_AUDITED = ("name", "email", "is_administrator", "is_active")


async def create_user(
    session: AsyncSession,
    *,
    by: Principal,
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
    await _record(session, by, "user.create", user, after=fields_of(user, *_AUDITED))
    return user


async def register_user(
    database: Database, *, by: Principal, password: SecretStr | None = None, **fields: Any
) -> User:
    """As `create_user`, from a password: it is hashed before a transaction is open.

    Raises: UserNameTaken.
    """
    password_hash = await hash_of(password)
    async with database.session() as session:
        return await create_user(session, by=by, password_hash=password_hash, **fields)


async def update_user(
    database: Database, *, by: Principal, user_id: uuid.UUID, changes: Mapping[str, Any]
) -> User:
    """Change a user.

    A new password ends the user's sessions; being switched off ends the API tokens as well.
    Parameters: `changes` are fields of User by name, and `password`.
    Raises: UserNotFound, LastAdministrator.
    """
    columns = {name: value for name, value in changes.items() if name != "password"}
    if "password" in changes:
        columns["password_hash"] = await hash_of(changes["password"])

    async def change(session: AsyncSession) -> User:
        repository = UserRepository(session)
        # Always in this order, whoever is changed: two administrators that switch each other
        # off at once must not both succeed.
        administrators = set(await repository.lock_active_administrators())
        user = await repository.require(user_id, lock=True)
        before = fields_of(user, *_AUDITED, "password_hash")
        for field, value in columns.items():
            setattr(user, field, value)
        if not (user.is_active and user.is_administrator) and administrators == {user_id}:
            raise LastAdministrator("make another user an administrator first")
        if "password_hash" in columns or not user.is_active:
            await end_sessions(session, user_id=user_id)
        if not user.is_active:
            await TokenRepository(session).delete_all(user_id)
        await _rights_changed(session, user_id)
        after = fields_of(user, *_AUDITED, "password_hash")
        await _record(session, by, "user.update", user, before=before, after=after)
        return user

    return await database.transact(change)


async def delete_user(session: AsyncSession, *, by: Principal, user_id: uuid.UUID) -> None:
    """Delete a user with tokens, sessions and memberships; what the user made stays.

    Raises: UserNotFound, LastAdministrator.
    """
    repository = UserRepository(session)
    administrators = set(await repository.lock_active_administrators())
    user = await repository.require(user_id, lock=True)
    if administrators == {user_id}:
        raise LastAdministrator("make another user an administrator first")
    before = fields_of(user, *_AUDITED)
    digests = await SessionRepository(session).digests(user_id)
    await repository.delete(user)
    await _rights_changed(session, user_id, digests)
    await _record(session, by, "user.delete", user, before=before)


async def update_self(session: AsyncSession, *, by: Principal, changes: dict[str, Any]) -> User:
    """Change what users may change of themselves."""
    user = await UserRepository(session).require(by.id, lock=True)
    before = fields_of(user, *_AUDITED)
    for field, value in changes.items():
        setattr(user, field, value)
    await _record(session, by, "user.update", user, before=before, after=fields_of(user, *_AUDITED))
    return user


async def _rights_changed(
    session: AsyncSession, user_id: uuid.UUID, digests: Sequence[str] = ()
) -> None:
    forget_after_commit(session, user_id, digests)
    await touch(session, rights_of(user_id))
    publish_after_commit(session, RightsChanged(user_ids=[user_id]))


async def _record(
    session: AsyncSession,
    by: Principal,
    action: str,
    user: User,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
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
