"""Puts the realtime parts of one process together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.core.db import Database
from app.core.redis import Namespaces
from app.events import EventBus
from app.realtime.access import TopicAccess
from app.realtime.admission import Admission
from app.realtime.connections import Connections
from app.realtime.entry import Realtime
from app.realtime.host import HostSampler
from app.realtime.hub import Hub
from app.realtime.socket import SocketOptions
from app.realtime.sources import ExecutionSource, LogSource, Source, UserSource
from app.realtime.state_sources import state_source
from app.realtime.tickets import Tickets
from app.realtime.topics import TopicKind, TopicName
from app.settings import Settings


@asynccontextmanager
async def open_realtime(
    settings: Settings, database: Database, *, namespaces: Namespaces, bus: EventBus
) -> AsyncIterator[Realtime]:
    """The hub and all that belongs to it, until the context ends."""

    def make_source(name: TopicName) -> Source:
        return source_of(database, name)

    hub = Hub(bus, make_source)
    access = TopicAccess(database, session_idle_s=settings.security.session_idle_s)
    connections = Connections(hub, bus, access, heartbeat_s=settings.realtime.heartbeat_s)
    host = HostSampler()
    hub.spawn(host.run())
    options = SocketOptions(
        max_lifetime_s=settings.realtime.max_lifetime_s,
        queue_frames=settings.realtime.queue_frames,
    )
    try:
        yield Realtime(hub, access, connections, Tickets(namespaces), options, host, Admission())
    finally:
        connections.close()
        await hub.close()


def source_of(database: Database, name: TopicName) -> Source:
    """Where history and snapshots of a topic come from."""
    if name.kind is TopicKind.EXECUTION and name.id is not None:
        return ExecutionSource(database, name, name.id)
    if name.kind is TopicKind.JOB_LOG and name.id is not None:
        return LogSource(database, name, name.id)
    if name.kind is TopicKind.USER and name.id is not None:
        return UserSource(database, name, name.id)
    return state_source(database, name)
