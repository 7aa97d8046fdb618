"""How events leave a process and reach others: the bus, and publishing after the commit."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from app.core.db import AsyncSession, Database, after_commit
from app.events.models import Event, envelope


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way, for one topic.

    `first` and `last` are the numbers it covers in `stream` (None: not numbered). `body` is the
    envelope as clients get it, or empty: then what it announces is read from the database.
    """

    topic: str
    type: str
    stream: str
    first: int | None
    last: int | None
    body: bytes


Receive = Callable[[Message], None]


class EventBus(Protocol):
    """Publishing never blocks and never fails; subscribers are called on their own loop."""

    def publish(self, events: Sequence[Event]) -> None:
        """Hand these over, from any thread."""
        ...

    async def subscribe(self, topic: str, receive: Receive) -> bool:
        """Have `receive` called for every message of `topic`.

        Returns once the subscription is active; False when the server is away: then it becomes
        active at the next connection, which calls `on_restored`.
        """
        ...

    def unsubscribe(self, topic: str, receive: Receive) -> None:
        """The inverse of `subscribe`; messages on their way may still come."""
        ...

    def on_restored(self, call: Callable[[], None]) -> None:
        """Have `call` run after each time that messages may have been lost."""
        ...

    @property
    def is_listening(self) -> bool:
        """False while messages of others cannot come."""
        ...

    async def close(self) -> None:
        """Publish what is waiting (at most 1 s), then stop."""
        ...


_buses: WeakKeyDictionary[Any, EventBus] = WeakKeyDictionary()


def bind(bus: EventBus, database: Database) -> None:
    """Publish the events of this database's transactions on `bus`."""
    _buses[database.engine.sync_engine] = bus


def bus_of(session: AsyncSession) -> EventBus | None:
    """The bus that the session's database is bound to."""
    return _buses.get(session.get_bind())


def publish_after_commit(session: AsyncSession, *events: Event) -> None:
    """Publish these events once this session has committed; never if it rolls back.

    Never blocks and never raises. Without a bus for the database nothing is published: whoever
    watches reads the database.
    """
    bus = bus_of(session)
    if bus is not None and events:
        after_commit(session, partial(bus.publish, events))


def messages_of(events: Iterable[Event]) -> list[Message]:
    """One message per event and topic."""
    messages = []
    for event in events:
        first, last = event.span or (None, None)
        data = event.model_dump_json()
        announced_only = getattr(event, "text", "") is None
        for topic in event.topics():
            body = envelope(topic, kind=event.type, seq=last, at=event.at, data=data)
            messages.append(
                Message(
                    topic, event.type, event.stream, first, last, b"" if announced_only else body
                )
            )
    return messages


def pack(message: Message) -> bytes:
    """The form on the wire: a header of five fields, then the body."""
    first, last = message.first or "", message.last or ""
    return f"{message.type}|{message.stream}|{first}|{last}|".encode() + message.body


def unpack(topic: str, wire: bytes) -> Message:
    """The inverse of `pack`.

    Raises: ValueError when `wire` is not a message.
    """
    kind, stream, first, last, body = wire.split(b"|", 4)
    return Message(
        topic,
        kind.decode(),
        stream.decode(),
        int(first) if first else None,
        int(last) if last else None,
        body,
    )


def decoded(message: Message) -> dict[str, Any]:
    """The data of a message; empty when there is none or it is no object."""
    try:
        data = json.loads(message.body)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) else {}
