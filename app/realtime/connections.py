"""All sockets and streams of one process: counts, heartbeats, and rights that change."""

import asyncio
import logging
from collections import Counter
from typing import Protocol
from uuid import UUID

from app.auth.principals import Principal
from app.core.errors import Unavailable
from app.core.metrics import connections as connections_gauge
from app.events import EventBus, Message
from app.events import topics as event_topics
from app.events.bus import decoded
from app.realtime.access import TopicAccess
from app.realtime.codes import CloseCode
from app.realtime.frames import Frame, control
from app.realtime.hub import Hub
from app.realtime.topics import TopicName

log = logging.getLogger(__name__)

RECHECK_S = 300.0
"""How often rights are asked again without being told of a change."""


class Connection(Protocol):
    """A socket or a stream."""

    principal: Principal
    kind: str
    """What its address is about; `all` for the multiplexed socket."""
    transport: str
    """`socket` or `stream`."""

    @property
    def watched(self) -> tuple[TopicName, ...]:
        """The topics it is subscribed to."""
        ...

    def deliver(self, frame: Frame) -> None:
        """Take this frame."""
        ...

    def lose(self, name: TopicName) -> None:
        """The right to watch this topic is gone."""
        ...

    def close(self, code: CloseCode) -> None:
        """End it."""
        ...


class Connections:
    """Belongs to the hub's loop. Parameters: `heartbeat_s` is how often each one gets a frame."""

    def __init__(
        self, hub: Hub, bus: EventBus, access: TopicAccess, *, heartbeat_s: float = 20.0
    ) -> None:
        self._all: dict[Connection, None] = {}
        self._access = access
        self._bus = bus
        self._hub = hub
        self._heartbeat_s = heartbeat_s
        self.opened: Counter[str] = Counter()
        self.changes = 0
        """How often rights changed, or may have unheard."""
        hub.spawn(bus.subscribe(event_topics.RIGHTS, self._rights_changed))
        bus.on_restored(self._recheck_all)
        hub.spawn(self._beat())
        hub.spawn(self._recheck_for_ever())

    def add(self, connection: Connection) -> None:
        """Count it, keep it alive, watch its rights."""
        self._all[connection] = None
        self.opened[connection.transport] += 1
        connections_gauge.labels(connection.kind).inc()

    def remove(self, connection: Connection) -> None:
        """The inverse of `add`."""
        if connection in self._all:
            del self._all[connection]
            connections_gauge.labels(connection.kind).dec()

    def close(self) -> None:
        """Hear of no more changes of rights."""
        self._bus.unsubscribe(event_topics.RIGHTS, self._rights_changed)

    def statistics(self) -> dict[str, object]:
        """Open connections by transport, kind and subscription; how many people."""
        subscriptions = Counter(name.kind.value for one in self._all for name in one.watched)
        return {
            "open": len(self._all),
            "by_transport": dict(Counter(one.transport for one in self._all)),
            "by_kind": dict(Counter(one.kind for one in self._all)),
            "subscriptions": dict(subscriptions),
            "users": len({one.principal.user_id for one in self._all}),
            "topics": self._hub.topics,
            "opened": dict(self.opened),
            "resyncs": self._hub.resyncs,
        }

    async def _beat(self) -> None:
        beat = 0
        while True:
            # A slice of them at a time, so that thousands are not written to at once.
            slices = max(1, round(self._heartbeat_s))
            await asyncio.sleep(self._heartbeat_s / slices)
            beat += 1
            frame = control("heartbeat")
            for number, one in enumerate(tuple(self._all)):
                if number % slices == beat % slices:
                    one.deliver(frame)

    def _rights_changed(self, message: Message) -> None:
        self.changes += 1
        user_ids = decoded(message).get("user_ids")
        wanted = None if user_ids is None else {UUID(user_id) for user_id in user_ids}
        self._hub.spawn(self._recheck(wanted))

    def _recheck_all(self) -> None:
        self.changes += 1
        self._hub.spawn(self._recheck(None))

    async def _recheck_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_S)
            await self._recheck(None)

    async def _recheck(self, user_ids: set[UUID] | None) -> None:
        """Ask the rights of these users' connections again; once for each credential and topic."""
        renewed: dict[UUID | None, Principal | None] = {}
        allowed: dict[tuple[UUID | None, TopicName], bool] = {}
        for one in tuple(self._all):
            if user_ids is not None and one.principal.user_id not in user_ids:
                continue
            try:
                await self._recheck_one(one, renewed, allowed)
            except Unavailable:
                # Nothing is known; it is asked again when the database is back.
                log.info("rights_not_rechecked")
                return

    async def _recheck_one(
        self,
        one: Connection,
        renewed: dict[UUID | None, Principal | None],
        allowed: dict[tuple[UUID | None, TopicName], bool],
    ) -> None:
        credential = one.principal.credential_id
        if credential not in renewed:
            renewed[credential] = await self._access.renewed(one.principal)
        principal = renewed[credential]
        if principal is None:
            one.close(CloseCode.CREDENTIAL_ENDED)
            return
        one.principal = principal
        for name in one.watched:
            if (credential, name) not in allowed:
                allowed[credential, name] = await self._access.may_watch(principal, name)
            if not allowed[credential, name]:
                one.lose(name)
