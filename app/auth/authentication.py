"""From a credential to a principal: one query, in a transaction of its own.

The transaction ends before the endpoint's begins, so that a request never holds two connections.
"""

from typing import Protocol

from app.auth.errors import InvalidToken
from app.auth.models import ApiToken, LoginSession, User
from app.auth.principals import ALL_SCOPES, Principal, Scope
from app.auth.repository import SessionRepository, TokenRepository
from app.core.crypto import TOKEN_PREFIX, token_digest
from app.core.db import Database


class SessionCopies(Protocol):
    """A faster place for what is known of sessions; the rows decide whenever it knows nothing."""

    async def get(self, digest: str) -> Principal | None:
        """The session's user when a row proved it a short time ago."""
        ...

    async def put(self, digest: str, principal: Principal) -> None:
        """Remember, for a short time, what the row proved just now."""
        ...


class Authenticator:
    """Finds out who sent a credential.

    Parameters: `session_idle_s` is the idle time-out of sessions in seconds.
    """

    def __init__(
        self, database: Database, *, session_idle_s: float, copies: SessionCopies | None = None
    ) -> None:
        self._database = database
        self._idle_s = session_idle_s
        self.copies = copies

    async def by_token(self, token: str) -> Principal:
        """The user of an API token.

        Raises: InvalidToken; Unavailable when the database cannot be reached.
        """
        if not token.startswith(TOKEN_PREFIX):
            raise InvalidToken(f"an API token begins with {TOKEN_PREFIX}")
        async with self._database.read() as session:
            found = await TokenRepository(session).authenticate(token_digest(token))
        if found is None:
            raise InvalidToken
        row, user, is_due = found
        if is_due:
            async with self._database.session() as session:
                await TokenRepository(session).mark_used(row.id)
        return token_principal(row, user)

    async def by_session(self, cookie: str) -> Principal | None:
        """The user of a session cookie; None when the session ended or never was.

        Raises: Unavailable when the database cannot be reached.
        """
        digest = token_digest(cookie)
        if self.copies is not None and (known := await self.copies.get(digest)) is not None:
            return known
        async with self._database.read() as session:
            found = await SessionRepository(session).authenticate(digest, idle_s=self._idle_s)
        if found is None:
            return None
        row, user, is_due = found
        if is_due:
            async with self._database.session() as session:
                await SessionRepository(session).mark_seen(row.id, idle_s=self._idle_s)
        principal = session_principal(row, user)
        if self.copies is not None:
            await self.copies.put(digest, principal)
        return principal


def token_principal(token: ApiToken, user: User) -> Principal:
    """What a token may do: without the scope `admin` it does not act as an administrator."""
    scopes = frozenset(Scope(scope) for scope in token.scopes)
    return Principal(
        user_id=user.id,
        name=user.name,
        is_administrator=user.is_administrator and Scope.ADMIN in scopes,
        scopes=scopes,
        how="token",
        credential_id=token.id,
        expires_at=token.expires_at,
        project_id=user.project_id,
        project_role=user.project_role,
    )


def session_principal(row: LoginSession, user: User) -> Principal:
    """What a log-in may do: all that its user may."""
    return Principal(
        user_id=user.id,
        name=user.name,
        is_administrator=user.is_administrator,
        scopes=ALL_SCOPES,
        how="session",
        credential_id=row.id,
    )
