"""The cache of one process, and how it hears what others wrote."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from app.core.cache import Cache, LocalHits, Tags
from app.core.clock import new_id
from app.core.db import Database
from app.core.redis import Namespaces, stop_task
from app.events import EventBus, Message, TagsBumped, topics
from app.events.bus import decoded
from app.jobs import tags as names


@dataclass(frozen=True, slots=True)
class CacheParts:
    """The cache and the layer of warm hits in front of it."""

    cache: Cache
    hits: LocalHits
    tags: Tags


@asynccontextmanager
async def open_cache(
    database: Database, namespaces: Namespaces, bus: EventBus
) -> AsyncIterator[CacheParts]:
    """The cache, until the context ends."""
    origin = new_id()

    def announce(tags: Sequence[str]) -> None:
        bus.publish([TagsBumped(tags=list(tags), origin=origin)])

    tags = Tags(namespaces, announce)
    hits = LocalHits(tags)
    names.attach(database, tags)

    def bumped(message: Message) -> None:
        data = decoded(message)
        if data.get("origin") != str(origin):
            tags.heard([str(tag) for tag in data.get("tags", ())])

    def moved(message: Message) -> None:
        # Workers have no cache: the servers bump for them, at once when they hear of it, and
        # from the outbox when they do not.
        project_id = decoded(message).get("project_id")
        if message.type == "execution.changed" and project_id is not None:
            tags.written([names.EXECUTIONS, names.executions_of(UUID(project_id))])

    def restored() -> None:
        hits.forget(None)

    async def listen() -> None:
        # In the background: a server whose Redis is away starts at once all the same.
        await bus.subscribe(topics.TAGS, bumped)
        await bus.subscribe(topics.SYSTEM, moved)

    bus.on_restored(restored)
    listening = asyncio.create_task(listen())
    try:
        yield CacheParts(Cache(database, namespaces, tags), hits, tags)
    finally:
        bus.unsubscribe(topics.TAGS, bumped)
        bus.unsubscribe(topics.SYSTEM, moved)
        await stop_task(listening)
        await tags.close()
