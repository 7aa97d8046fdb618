"""Gathers the metrics of the whole system from those who know them."""

from app.administration.repository import WorkerRepository
from app.core.db import ReadSession
from app.core.errors import Unavailable
from app.core.redis import Namespaces, statistics
from app.jobs.depths import Depths
from app.jobs.queues import default_queues
from app.realtime.connections import Connections
from app.realtime.host import HostSampler
from app.realtime.schemas import QueueMetrics, SystemMetrics
from app.realtime.statuses import StatusRepository


class SystemGauge:
    """Parameters: `depths` None means that nothing takes messages here."""

    def __init__(
        self,
        namespaces: Namespaces,
        connections: Connections,
        host: HostSampler,
        depths: Depths | None,
    ) -> None:
        self._namespaces, self._connections = namespaces, connections
        self._host, self._depths = host, depths

    async def measure(self, session: ReadSession) -> SystemMetrics:
        """What is true now; None for what could not be measured."""
        executions, jobs = await StatusRepository(session).counts()
        workers = await WorkerRepository(session).online()
        return SystemMetrics(
            executions=executions,
            jobs=jobs,
            queues=await self._queues(),
            workers_online=len(workers),
            cache=[one.as_dict() for one in await statistics(self._namespaces)],
            connections=self._connections.statistics(),
            host=self._host.last,
        )

    async def _queues(self) -> list[QueueMetrics] | None:
        if self._depths is None:
            return None
        try:
            found = await self._depths.of(default_queues())
        except Unavailable:
            return None
        return [
            QueueMetrics(name=name, ready=depth.ready, consumers=depth.consumers)
            for name, depth in found.items()
        ]
