"""Topics that carry state: a new snapshot on each subscription and after each gap."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from app.core.db import Database, ReadSession
from app.events.bus import Message
from app.realtime.frames import Frame
from app.realtime.sources import Position, Snapshot, snapshot_frame
from app.realtime.statuses import StatusRepository
from app.realtime.topics import TopicIsUnknown, TopicKind, TopicName

Read = Callable[[ReadSession], Awaitable[Any]]


class StateSource:
    """Parameters: `read` gives the present as JSON values, None when it does not exist."""

    def __init__(self, database: Database, name: TopicName, read: Read) -> None:
        self._database, self._name, self._read = database, name, read

    async def snapshot(self) -> Snapshot:
        return Snapshot(await self.states())

    async def after(self, position: Position, *, stream: str | None = None) -> Sequence[Message]:
        return []

    async def resume(self, since: str) -> Position | None:
        return None

    async def states(self) -> list[Frame]:
        async with self._database.read() as session:
            data = await self._read(session)
        if data is None:
            raise TopicIsUnknown(f"there is no {self._name}")
        return [snapshot_frame(self._name, f"{self._name.kind}.snapshot", data)]


def state_source(database: Database, name: TopicName) -> StateSource:
    """The present of a pipeline, a project, the system."""

    async def read(session: ReadSession) -> Any:
        repository = StatusRepository(session)
        if name.kind is TopicKind.PIPELINE and name.id is not None:
            status = await repository.of_pipeline(name.id)
            return None if status is None else status.model_dump(mode="json")
        if name.kind is TopicKind.PROJECT and name.id is not None:
            return (await repository.of_project(name.id)).model_dump(mode="json")
        executions, jobs = await repository.counts()
        return {"executions": executions, "jobs": jobs}

    return StateSource(database, name, read)
