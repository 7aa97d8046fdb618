"""Removes what is known of fires of long ago."""

from app.core.db import Database
from app.triggers.schedules.repository.fires import FireRepository

KEPT_S = 90 * 24 * 3600.0
AT_ONCE = 1000


async def clean_up(database: Database) -> int:
    """Remove fires that were recorded longer ago than `KEPT_S`; returns how many.

    Raises: Unavailable.
    """
    removed = 0
    while True:
        deleted = await database.transact(
            lambda session: FireRepository(session).delete_old(older_than_s=KEPT_S, limit=AT_ONCE)
        )
        removed += deleted
        if deleted < AT_ONCE:
            return removed
