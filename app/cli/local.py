"""A whole AnsFlow inside this process, and the executions that it runs."""

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.auth.principals import ALL_SCOPES, SYSTEM, Principal
from app.auth.service.users import create_user
from app.cli.watching import LogView
from app.core.db import Database
from app.core.log_chunks import Line
from app.events import EventBus, Message, bind, topics
from app.executions.schemas import ExecutionDetail
from app.executions.service.reading import execution_detail
from app.jobs.relay import Relay
from app.logs.parts import LogPosition, position_of
from app.logs.schemas import LogPart
from app.logs.service.lookup import log_of_job
from app.logs.service.reading import MAX_LINES, read_lines
from app.models import Base
from app.pipelines.checking import check
from app.pipelines.service.pipelines import create_pipeline
from app.projects.service.projects import create_project
from app.settings import Settings
from workers.embedded import EmbeddedWorker
from workers.runtime import end_tasks

_LOOK_S = 0.5
_COALESCE_S = 0.03


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """What talks to the worker in this process; belongs to one event loop."""

    database: Database
    bus: EventBus


async def create_tables(settings: Settings) -> None:
    """The tables of a database that lives for one run: no migration is needed to make them."""
    database = Database(settings.database_url, pool_size=1)
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    finally:
        await database.close()


@asynccontextmanager
async def open_local(settings: Settings, worker: EmbeddedWorker) -> AsyncIterator[LocalSystem]:
    """Database and relay beside a started worker."""
    database = Database(settings.database_url, pool_size=settings.database.pool_size)
    bind(worker.bus, database)
    relay = asyncio.create_task(Relay(database, worker.publisher).run(), name="relay")
    try:
        yield LocalSystem(database, worker.bus)
    finally:
        await end_tasks(relay)
        await database.close()


async def create_person(database: Database, name: str) -> Principal:
    """A user without a password, for work that this process starts."""
    async with database.session() as session:
        user = await create_user(session, by=SYSTEM, name=name, is_administrator=True)
    return Principal(user.id, name, is_administrator=True, scopes=ALL_SCOPES)


async def create_project_of(database: Database, by: Principal, *, slug: str) -> uuid.UUID:
    """A project; its id.

    Raises: ProjectSlugTaken.
    """
    async with database.session() as session:
        return (await create_project(session, by=by, slug=slug)).id


async def store_pipeline(
    database: Database,
    by: Principal,
    *,
    project_id: uuid.UUID,
    slug: str,
    source: str,
    files: Mapping[str, str],
    name: str | None = None,
) -> uuid.UUID:
    """A pipeline with this text; its id.

    Raises: InvalidPipeline.
    """
    checked = await check(source, files)
    async with database.session() as session:
        pipeline = await create_pipeline(
            session, by=by, project_id=project_id, checked=checked, slug=slug, name=name
        )
    return pipeline.id


class LocalSource:
    """Reads an execution in the database; the bus says when to look."""

    def __init__(self, system: LocalSystem, execution_id: uuid.UUID) -> None:
        self.system, self.execution_id = system, execution_id
        self._woken = asyncio.Event()
        self._topics: set[str] = set()

    async def detail(self) -> ExecutionDetail:
        """See `Source.detail`."""
        self._woken.clear()
        await self._hear(topics.execution(self.execution_id))
        async with self.system.database.read() as session:
            detail = await execution_detail(
                session, principal=SYSTEM, execution_id=self.execution_id
            )
        for job in detail.jobs:
            await self._hear(topics.job_log(job.id))
        return detail

    async def job_log(self, job_id: uuid.UUID, *, attempt: int, from_line: str | None) -> LogView:
        """See `Source.job_log`."""
        lines: dict[uuid.UUID, list[Line]] = defaultdict(list)
        async with self.system.database.read() as session:
            log = await log_of_job(session, SYSTEM, job_id, attempt=attempt)
            start = position_of(from_line, log.parts) if from_line else LogPosition(0, 1)
            found = await read_lines(session, log.parts, start, limit=MAX_LINES)
        for part, line in found.lines:
            lines[part.step_id].append(line)
        parts = [LogPart.model_validate(part) for part in log.parts]
        following = None if found.next is None else found.next.text(log.parts)
        return LogView(parts, lines, following)

    async def changed(self) -> None:
        """See `Source.changed`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._woken.wait()
        # What belongs together comes together: one look for all of it.
        await asyncio.sleep(_COALESCE_S)

    async def _hear(self, topic: str) -> None:
        if topic not in self._topics:
            self._topics.add(topic)
            await self.system.bus.subscribe(topic, self._wake)

    def _wake(self, _message: Message) -> None:
        self._woken.set()

    def close(self) -> None:
        """Hear nothing more."""
        for topic in self._topics:
            self.system.bus.unsubscribe(topic, self._wake)
