"""Removes webhook deliveries of long ago."""

from app.core.db import Database
from app.triggers.repository.deliveries import DeliveryRepository

KEPT_S = 30 * 24 * 3600.0
AT_ONCE = 500


async def clean_up(database: Database) -> int:
    """Remove deliveries that came longer ago than `KEPT_S`; returns how many.

    Raises: Unavailable.
    """
    removed = 0
    while True:
        deleted = await database.transact(
            lambda session: DeliveryRepository(session).forget(older_than_s=KEPT_S, limit=AT_ONCE)
        )
        removed += deleted
        if deleted < AT_ONCE:
            return removed
