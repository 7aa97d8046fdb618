"""Where a topic's history and snapshots come from, by kind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from app.core.clock import utcnow
from app.core.db import Database, ReadSession
from app.core.pagination import PageParams
from app.events.bus import Message, messages_of
from app.events.models import envelope
from app.inbox.service import inbox_page, last_seq, told_after
from app.realtime.frames import Frame
from app.realtime.log_slices import events_of_chunk
from app.realtime.repository import RealtimeRepository
from app.realtime.topics import TopicIsUnknown, TopicName

Position = dict[str, int]
"""The last number seen, by stream: `""` for events, the step's id for log lines."""

_EVENTS_AT_ONCE = 500
_CHUNKS_AT_ONCE = 8
_SHOWN = 20


@dataclass(slots=True)
class Snapshot:
    """The present, as frames, and the position that it stands at."""

    frames: list[Frame]
    position: Position = field(default_factory=dict)
    taken: int = 0
    """How many unnumbered messages the topic had seen when the reading began."""


class Source(Protocol):
    """One topic's view of the database."""

    async def snapshot(self) -> Snapshot:
        """Raises: TopicIsUnknown when what it is about does not exist."""
        ...

    async def after(self, position: Position, *, stream: str | None = None) -> Sequence[Message]:
        """The next messages after `position`, contiguous in each stream; none: that is all."""
        ...

    async def resume(self, since: str) -> Position | None:
        """The position of a client that has seen `since`; None when that was never sent.

        Raises: TopicIsUnknown.
        """
        ...

    async def states(self) -> list[Frame]:
        """What has no number and may have changed while nobody listened."""
        ...


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def snapshot_frame(name: TopicName, kind: str, data: Any, *, seq: int | None = None) -> Frame:
    """The frame of a snapshot."""
    body = envelope(str(name), kind=kind, seq=seq, at=utcnow(), data=_json(data))
    return Frame(body, type=kind, event_id=None if seq is None else str(seq))


class ExecutionSource:
    """The events of one execution."""

    def __init__(self, database: Database, name: TopicName, execution_id: UUID) -> None:
        self._database, self._name, self._id = database, name, execution_id

    async def snapshot(self) -> Snapshot:
        async with self._database.read() as session:
            found = await RealtimeRepository(session).execution(self._id)
        if found is None:
            raise TopicIsUnknown(f"there is no {self._name}")
        seq, data = found
        frame = snapshot_frame(self._name, "execution.snapshot", data, seq=seq)
        return Snapshot([frame], {"": seq})

    async def after(self, position: Position, *, stream: str | None = None) -> Sequence[Message]:
        async with self._database.read() as session:
            rows = await RealtimeRepository(session).events(
                self._id, after=position.get("", 0), limit=_EVENTS_AT_ONCE
            )
        return [
            Message(
                str(self._name),
                kind,
                "",
                seq,
                seq,
                envelope(str(self._name), kind=kind, seq=seq, at=at, data=_json(data)),
            )
            for seq, kind, data, at in rows
        ]

    async def resume(self, since: str) -> Position | None:
        async with self._database.read() as session:
            last = await RealtimeRepository(session).last_seq(self._id)
        if last is None:
            raise TopicIsUnknown(f"there is no {self._name}")
        seq = number_of(since)
        return None if seq is None or seq > last else {"": seq}

    async def states(self) -> list[Frame]:
        async with self._database.read() as session:
            steps = await RealtimeRepository(session).steps_of_execution(self._id)
        return [snapshot_frame(self._name, "steps.snapshot", {"steps": steps})] if steps else []


class LogSource:
    """The log lines of one job, step after step."""

    def __init__(self, database: Database, name: TopicName, job_id: UUID) -> None:
        self._database, self._name, self._id = database, name, job_id

    async def snapshot(self) -> Snapshot:
        async with self._database.read() as session:
            repository = RealtimeRepository(session)
            job = await repository.job(self._id)
            if job is None:
                raise TopicIsUnknown(f"there is no {self._name}")
            job["steps"] = await repository.steps_of_job(self._id)
        return Snapshot([snapshot_frame(self._name, "log.snapshot", job)])

    async def after(self, position: Position, *, stream: str | None = None) -> Sequence[Message]:
        async with self._database.read() as session:
            steps = await RealtimeRepository(session).steps_of_job(self._id)
            for step in steps:
                if stream in (None, str(step["id"])):
                    found = await self._lines(session, step, position.get(str(step["id"]), 0))
                    if found:
                        return found
        return []

    async def _lines(
        self, session: ReadSession, step: Mapping[str, Any], line: int
    ) -> list[Message]:
        if step["lines"] is not None and line >= step["lines"]:
            return []
        chunks = await RealtimeRepository(session).chunks(
            self._id, step, after_line=line, limit=_CHUNKS_AT_ONCE
        )
        found: list[Message] = []
        for chunk in chunks:
            if chunk.first_line > line + 1:
                # Chunks are committed in order; this one is being replaced by a merged one.
                break
            for event in events_of_chunk(chunk, from_line=line + 1):
                found += messages_of([event])
                line = event.first_line + event.line_count - 1
        return found

    async def resume(self, since: str) -> Position | None:
        step_text, _, line = since.partition(":")
        async with self._database.read() as session:
            steps = await RealtimeRepository(session).steps_of_job(self._id)
            stored = await RealtimeRepository(session).last_lines(self._id)
        position: Position = {}
        for step in steps:
            if str(step["id"]) == step_text:
                seen = number_of(line)
                if seen is None or seen > stored.get(step["id"], 0):
                    return None
                return position | {step_text: seen}
            # Steps run one after another: who has lines of this one has all of those before.
            position[str(step["id"])] = stored.get(step["id"], 0)
        return None

    async def states(self) -> list[Frame]:
        return (await self.snapshot()).frames


class UserSource:
    """The notifications of one user."""

    def __init__(self, database: Database, name: TopicName, user_id: UUID) -> None:
        self._database, self._name, self._id = database, name, user_id

    async def snapshot(self) -> Snapshot:
        async with self._database.read() as session:
            page = await inbox_page(session, user_id=self._id, paging=PageParams(limit=_SHOWN))
        # The newest one that this read saw: what came meanwhile follows.
        seq = page.items[0].seq if page.items else 0
        data = {"user_id": self._id, **page.model_dump(mode="json", exclude={"next"})}
        return Snapshot([snapshot_frame(self._name, "user.snapshot", data, seq=seq)], {"": seq})

    async def after(self, position: Position, *, stream: str | None = None) -> Sequence[Message]:
        async with self._database.read() as session:
            return messages_of(
                await told_after(
                    session, user_id=self._id, seq=position.get("", 0), limit=_EVENTS_AT_ONCE
                )
            )

    async def resume(self, since: str) -> Position | None:
        async with self._database.read() as session:
            last = await last_seq(session, user_id=self._id)
        seq = number_of(since)
        return None if seq is None or seq > last else {"": seq}

    async def states(self) -> list[Frame]:
        return []


def number_of(text: str) -> int | None:
    """A number as we write them, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
