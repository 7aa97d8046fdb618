"""A client of a stream of log lines, and buses to follow with."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from app.auth.principals import SYSTEM, Principal
from app.core.db import Database
from app.events import Event, EventBus, LocalBus
from app.events.bus import Receive
from app.logs.service.cursor import Cursor
from app.logs.service.following import Follower


class SilentBus(LocalBus):
    """Redis is down: nothing is ever heard."""

    async def subscribe(self, topic: str, receive: Receive) -> bool:
        return False

    def publish(self, events: Sequence[Event]) -> None:
        """Lost."""


class Stream:
    """What a client of a stream has received so far."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        self._frames = frames
        self.comments = 0
        self.ids: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async with aclosing(self._frames) as frames:  # type: ignore[type-var]
            async for frame in frames:
                self._hear(frame.decode())

    def _hear(self, frame: str) -> None:
        if frame.startswith(":"):
            self.comments += 1
            return
        fields = dict(line.split(": ", 1) for line in frame.strip().split("\n"))
        if "id" in fields:
            self.ids.append(fields["id"])
        self.events.append((fields["event"], json.loads(fields["data"])["data"]))

    @property
    def lines(self) -> list[tuple[int, str]]:
        """Number and text of all lines."""
        found = []
        for kind, data in self.events:
            if kind == "log.lines":
                texts = data["text"].split("\n")[:-1]
                assert len(texts) == data["line_count"]
                found += list(enumerate(texts, data["first_line"]))
        return found

    @property
    def end(self) -> dict[str, Any] | None:
        """The data of the last event."""
        return dict(self.events).get("log.end")

    async def ended(self) -> "Stream":
        """Wait for the end of the stream."""
        async with asyncio.timeout(20):
            await self.task
        return self


def follower(database: Database, bus: EventBus, *, principal: Principal = SYSTEM) -> Follower:
    return Follower(database, bus, principal, Cursor(heartbeat_s=0.0))


@asynccontextmanager
async def following(frames: AsyncIterator[bytes]) -> AsyncIterator[Stream]:
    stream = Stream(frames)
    yield stream
    stream.task.cancel()
    await asyncio.wait({stream.task})


def numbered(*texts: str) -> list[tuple[int, str]]:
    return list(enumerate(texts, 1))


on_both_buses = pytest.mark.parametrize(
    "bus", [pytest.param(LocalBus, id="live"), pytest.param(SilentBus, id="silent")], indirect=True
)
