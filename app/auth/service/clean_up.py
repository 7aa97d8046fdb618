"""Removes credentials that ended."""

from app.auth.repository import PasswordLinkRepository, SessionRepository, TokenRepository
from app.core.db import AsyncSession, Database

AT_ONCE = 1000


async def clean_up(database: Database, *, session_idle_s: float) -> int:
    """Remove sessions, API tokens and links that ended; returns how many.

    They have not worked since they ended; this only keeps the tables small.
    Parameters: `session_idle_s` is the idle time-out of sessions in seconds.
    """
    removed = 0
    while True:
        deleted = await database.transact(lambda session: _batch(session, session_idle_s))
        removed += deleted
        if deleted < AT_ONCE:
            return removed


async def _batch(session: AsyncSession, session_idle_s: float) -> int:
    sessions = await SessionRepository(session).delete_idle(idle_s=session_idle_s, limit=AT_ONCE)
    removed = sessions + await TokenRepository(session).delete_expired(limit=AT_ONCE - sessions)
    return removed + await PasswordLinkRepository(session).delete_expired(limit=AT_ONCE - removed)
