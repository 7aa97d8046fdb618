"""The host of this process, sampled in the background: a request never waits for it."""

import asyncio
import os

import psutil

from app.core.clock import utcnow
from app.realtime.schemas import HostMetrics

EVERY_S = 5.0


class HostSampler:
    """Parameters: none; run `run` in the background."""

    def __init__(self) -> None:
        self.last: HostMetrics | None = None
        self._process = psutil.Process()
        psutil.cpu_percent()

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            await asyncio.sleep(1.0 if self.last is None else EVERY_S)
            self.last = await asyncio.to_thread(self._sample)

    def _sample(self) -> HostMetrics:
        memory = psutil.virtual_memory()
        return HostMetrics(
            cpu_percent=psutil.cpu_percent(),
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            process_memory_bytes=self._process.memory_info().rss,
            load_1m=os.getloadavg()[0],
            sampled_at=utcnow(),
        )
