"""Statements about users, tokens and sessions."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, String, bindparam, delete, or_, select, true, update

from app.auth.errors import (
    IdentityNotFound,
    LinkIsInvalid,
    SessionNotFound,
    TokenNotFound,
    UserNotFound,
)
from app.auth.models import ApiToken, Identity, LoginSession, PasswordLink, User
from app.core.clock import db_now
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository

USED_S = 60.0
"""The last use of a token is written at most once in so many seconds."""


class UserRepository(Repository):
    """People, not what tokens of projects act as.

    Not scoped: the endpoints that list them are for administrators.
    """

    async def require(self, user_id: uuid.UUID, *, lock: bool = False) -> User:
        user = await self.session.get(User, user_id, with_for_update=lock or None)
        if user is None or user.project_id is not None:
            raise UserNotFound
        return user

    async def get_by_name(self, name: str) -> User | None:
        """By name, in any case."""
        folded = name.casefold()
        statement = select(User).where(User.name_folded == folded, User.project_id.is_(None))
        return await self.session.scalar(statement)

    async def require_by_name(self, name: str) -> User:
        user = await self.get_by_name(name)
        if user is None:
            raise UserNotFound(f"there is no user {name!r}")
        return user

    async def list(self, params: PageParams) -> Slice[User]:
        return await self.page(select(User).where(User.project_id.is_(None)), User.id, params)

    async def lock_active_administrators(self) -> Sequence[uuid.UUID]:
        """Their ids; nobody else can take one away until this transaction ends."""
        statement = (
            select(User.id)
            .where(User.is_administrator == true(), User.is_active == true())
            .order_by(User.id)
            .with_for_update()
        )
        return (await self.session.scalars(statement)).all()

    async def any_administrator(self) -> bool:
        statement = select(User.id).where(User.is_administrator == true()).limit(1)
        return await self.session.scalar(statement) is not None


class TokenRepository(Repository):
    """API tokens of one user."""

    async def authenticate(self, digest: str) -> tuple[ApiToken, User, bool] | None:
        """The token and its user, when both are valid now, and whether its use is to be noted."""
        row = (await self.session.execute(_VALID_TOKEN, {"digest": digest})).one_or_none()
        return row and (row[0], row[1], bool(row[2]))

    async def mark_used(self, token_id: uuid.UUID) -> None:
        """Once a minute, also when several requests come at once."""
        statement = (
            update(ApiToken)
            .where(ApiToken.id == token_id, _was_not_used())
            .values(used_at=db_now())
        )
        await self.session.execute(statement)

    async def list(self, user_id: uuid.UUID, params: PageParams) -> Slice[ApiToken]:
        return await self.page(_tokens(user_id), ApiToken.id, params)

    async def delete_all(self, user_id: uuid.UUID) -> None:
        await self.session.execute(delete(ApiToken).where(ApiToken.user_id == user_id))

    async def require(self, user_id: uuid.UUID, token_id: uuid.UUID) -> ApiToken:
        statement = _tokens(user_id).where(ApiToken.id == token_id)
        token = await self.session.scalar(statement)
        if token is None:
            raise TokenNotFound
        return token

    async def delete_expired(self, *, limit: int) -> int:
        """Delete tokens that ended, those of projects with what they act as; returns how many."""
        ended = (
            select(ApiToken.id, ApiToken.user_id).where(ApiToken.expires_at < db_now()).limit(limit)
        )
        rows = (await self.session.execute(ended)).all()
        if rows:
            ids, user_ids = [row[0] for row in rows], [row[1] for row in rows]
            await self.session.execute(delete(ApiToken).where(ApiToken.id.in_(ids)))
            of_projects = User.id.in_(user_ids) & User.project_id.is_not(None)
            await self.session.execute(delete(User).where(of_projects))
        return len(rows)


class SessionRepository(Repository):
    """Log-in sessions. `idle_s` is the idle time-out in seconds."""

    async def authenticate(
        self, digest: str, *, idle_s: float
    ) -> tuple[LoginSession, User, bool] | None:
        """The session, its user, and whether `seen_at` should be written again."""
        statement = (
            select(LoginSession, User, LoginSession.seen_at < db_now(-idle_s / 4))
            .join(User, User.id == LoginSession.user_id)
            .where(
                LoginSession.digest == digest,
                LoginSession.seen_at > db_now(-idle_s),
                User.is_active == true(),
            )
        )
        row = (await self.session.execute(statement)).one_or_none()
        return row and (row[0], row[1], bool(row[2]))

    async def mark_seen(self, session_id: uuid.UUID, *, idle_s: float) -> None:
        """Once per quarter of the time-out, also when several requests come at once."""
        statement = (
            update(LoginSession)
            .where(LoginSession.id == session_id, LoginSession.seen_at < db_now(-idle_s / 4))
            .values(seen_at=db_now())
        )
        await self.session.execute(statement)

    async def list(
        self, user_id: uuid.UUID, params: PageParams, *, idle_s: float
    ) -> Slice[LoginSession]:
        statement = _sessions(user_id).where(LoginSession.seen_at > db_now(-idle_s))
        return await self.page(statement, LoginSession.id, params)

    async def require(self, user_id: uuid.UUID, session_id: uuid.UUID) -> LoginSession:
        statement = _sessions(user_id).where(LoginSession.id == session_id)
        found = await self.session.scalar(statement)
        if found is None:
            raise SessionNotFound
        return found

    async def digests(self, user_id: uuid.UUID, *, keep: uuid.UUID | None = None) -> Sequence[str]:
        """The digests of a user's sessions, except one."""
        statement = select(LoginSession.digest).where(LoginSession.user_id == user_id)
        if keep is not None:
            statement = statement.where(LoginSession.id != keep)
        return (await self.session.scalars(statement)).all()

    async def revoke(self, digests: Sequence[str]) -> None:
        await self.session.execute(delete(LoginSession).where(LoginSession.digest.in_(digests)))

    async def delete_idle(self, *, idle_s: float, limit: int) -> int:
        """Delete sessions that ended; returns how many."""
        ended = select(LoginSession.id).where(LoginSession.seen_at < db_now(-idle_s)).limit(limit)
        ids = (await self.session.scalars(ended)).all()
        if ids:
            await self.session.execute(delete(LoginSession).where(LoginSession.id.in_(ids)))
        return len(ids)


class IdentityRepository(Repository):
    """Accounts at OpenID Connect providers; found by issuer and subject only."""

    async def find(self, issuer: str, subject: str) -> tuple[Identity, User] | None:
        """The account with the user that it logs in as."""
        statement = (
            select(Identity, User)
            .join(User, User.id == Identity.user_id)
            .where(Identity.issuer == issuer, Identity.subject == subject)
        )
        row = (await self.session.execute(statement)).one_or_none()
        return row and (row[0], row[1])

    async def list(self, user_id: uuid.UUID, params: PageParams) -> Slice[Identity]:
        statement = select(Identity).where(Identity.user_id == user_id)
        return await self.page(statement, Identity.id, params)

    async def require(self, user_id: uuid.UUID, identity_id: uuid.UUID) -> Identity:
        statement = select(Identity).where(Identity.user_id == user_id, Identity.id == identity_id)
        identity = await self.session.scalar(statement)
        if identity is None:
            raise IdentityNotFound
        return identity


class PasswordLinkRepository(Repository):
    """Links that let somebody set a password."""

    async def delete_of(self, user_id: uuid.UUID) -> None:
        await self.session.execute(delete(PasswordLink).where(PasswordLink.user_id == user_id))

    async def exists(self, digest: str) -> bool:
        """True when the link is good now."""
        statement = select(PasswordLink.id).where(
            PasswordLink.digest == digest, PasswordLink.expires_at > db_now()
        )
        return await self.session.scalar(statement) is not None

    async def require(self, digest: str) -> PasswordLink:
        """The link, when it is good now; nobody else uses it until this transaction ends."""
        statement = (
            select(PasswordLink)
            .where(PasswordLink.digest == digest, PasswordLink.expires_at > db_now())
            .with_for_update()
        )
        link = await self.session.scalar(statement)
        if link is None:
            raise LinkIsInvalid
        return link

    async def delete_expired(self, *, limit: int) -> int:
        """Delete links that ended; returns how many."""
        ended = select(PasswordLink.id).where(PasswordLink.expires_at < db_now()).limit(limit)
        ids = (await self.session.scalars(ended)).all()
        if ids:
            await self.session.execute(delete(PasswordLink).where(PasswordLink.id.in_(ids)))
        return len(ids)


def _was_not_used() -> ColumnElement[bool]:
    return or_(ApiToken.used_at.is_(None), ApiToken.used_at < db_now(-USED_S))


# Every request with a token asks this: building it costs more than sending it.
_VALID_TOKEN = (
    select(ApiToken, User, _was_not_used())
    .join(User, User.id == ApiToken.user_id)
    .where(
        ApiToken.digest == bindparam("digest", type_=String(64)),
        User.is_active == true(),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > db_now()),
    )
)


def _tokens(user_id: uuid.UUID) -> Select[ApiToken]:
    return select(ApiToken).where(ApiToken.user_id == user_id)


def _sessions(user_id: uuid.UUID) -> Select[LoginSession]:
    return select(LoginSession).where(LoginSession.user_id == user_id)
