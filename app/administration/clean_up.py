"""Removes worker processes that ended long ago."""

from app.administration.repository import WorkerRepository
from app.core.db import Database

KEPT_S = 7 * 24 * 3600.0
AT_ONCE = 1000


async def clean_up(database: Database) -> int:
    """Remove workers that stopped, or were seen last, longer ago than `KEPT_S`; returns how many.

    Raises: Unavailable when the database is away.
    """
    removed = 0
    while True:
        deleted = await database.transact(
            lambda session: WorkerRepository(session).delete_unseen(for_s=KEPT_S, limit=AT_ONCE)
        )
        removed += deleted
        if deleted < AT_ONCE:
            return removed
