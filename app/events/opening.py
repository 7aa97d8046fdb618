"""Opens Redis and the bus for one process, as the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import fakeredis

from app.core.db import Database
from app.core.redis import Namespace, Namespaces, RedisOptions
from app.events.bus import EventBus, bind
from app.events.local import LocalBus
from app.events.redis_bus import RedisBus
from app.settings import Mode, RedisSettings, Settings


@dataclass(frozen=True, slots=True)
class InProcess:
    """What takes the place of Redis in the embedded mode; the app and the worker share it."""

    bus: LocalBus = field(default_factory=LocalBus)
    redis_server: Any = field(default_factory=fakeredis.FakeServer)


@dataclass(frozen=True, slots=True)
class Connected:
    """Redis and the bus of this process and loop."""

    namespaces: Namespaces
    bus: EventBus


@asynccontextmanager
async def open_bus(
    settings: Settings, database: Database, *, in_process: InProcess | None = None
) -> AsyncIterator[Connected]:
    """Redis and the bus, bound to `database`: what its transactions publish goes there.

    Parameters: `in_process` is given to both the app and the worker of an embedded server.
    """
    shared = in_process or InProcess()
    namespaces = Namespaces(redis_options(settings.redis), server=shared.redis_server)
    bus: EventBus = shared.bus
    if settings.mode is Mode.DISTRIBUTED:
        bus = RedisBus(namespaces[Namespace.CHANNELS])
    bind(bus, database)
    try:
        yield Connected(namespaces, bus)
    finally:
        if bus is not shared.bus or in_process is None:
            await bus.close()
        await namespaces.close()


def redis_options(settings: RedisSettings) -> RedisOptions:
    """The values that the namespaces need."""
    return RedisOptions(
        url=settings.url.get_secret_value() if settings.url is not None else None,
        urls={name: url.get_secret_value() for name, url in settings.urls.items()},
        prefix=settings.prefix,
        pool_size=settings.pool_size,
        timeout_s=settings.timeout_s,
    )
