"""Removes Idempotency-Keys that are too old to be sent again."""

from app.core.db import Database
from app.executions.repository.starting import StartRepository

KEPT_S = 24 * 3600.0
"""As the API promises."""
AT_ONCE = 1000


async def clean_up(database: Database) -> int:
    """Remove keys older than `KEPT_S`; returns how many.

    Raises: Unavailable when the database is away.
    """
    removed = 0
    while True:
        deleted = await database.transact(
            lambda session: StartRepository(session).forget(older_than_s=KEPT_S, limit=AT_ONCE)
        )
        removed += deleted
        if deleted < AT_ONCE:
            return removed
