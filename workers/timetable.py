"""What is due by the clock: schedules of pipelines, and periodic work."""

import asyncio

from app.administration.periodic.service import order_due, seed
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.settings import Settings
from app.triggers.schedules.service.recording import order_again, record_due

log = logger(__name__)


class Timetable:
    """Looks every second for what is due, and orders it by messages.

    Replicas share the work: each takes rows that no other holds.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._is_seeded = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.warning("timetable_waits", error=error.detail)
            await asyncio.sleep(self._settings.scheduler.fire_s)

    async def look(self) -> None:
        """Order what is due now.

        Raises: Unavailable when the database is away.
        """
        if not self._is_seeded:
            await seed(self._database)
            self._is_seeded = True
        recorded = await record_due(self._database)
        again = await order_again(self._database)
        if recorded or again:
            log.info("schedules_fired", recorded=recorded, again=again)
        if ordered := await order_due(self._database):
            log.info("periodic_work_ordered", count=ordered)
