"""Old logs in the archive: shown as before, whatever broke off while they moved."""

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select, update

from app.core.clock import utcnow
from app.core.db import Database
from app.core.errors import Unavailable
from app.engine.states import ExecutionStatus, JobStatus, StepStatus
from app.logs.archive import LogStore, attach
from app.logs.repository.archiving import ArchivingRepository
from app.logs.service.archive import Archived, archive_old
from app.logs.service.merge import merge_step
from app.models import ArchivedChunk, Execution, Job, LogArchive, LogChunk
from app.projects.models import Role
from app.realtime.repository import RealtimeRepository
from tests.fixtures.factories import Factory, SignIn
from tests.logs.conftest import LogFactory, LoggedStep

DAYS = 30


class Scene:
    """An old execution of a job with two steps, and somebody who may read it."""

    def __init__(self, database: Database, store: LogStore, logged: LogFactory) -> None:
        self.database, self.store, self.logged = database, store, logged

    async def open(self, reader: httpx.AsyncClient, execution: Execution) -> "Scene":
        self.reader, self.execution = reader, execution
        self.job: Job = await self.logged.job(execution)
        self.first = await self.logged.step(self.job, 0)
        self.second = await self.logged.step(self.job, 1)
        await self.first.write("one", "two", "three ", "is longer", continued=[2])
        await self.first.write("five")
        await self.first.write("six", "seven")
        await self.second.write("a", "bü")
        await self.first.end()
        await self.second.end(StepStatus.FAILURE)
        await self.logged.end_job(self.job, JobStatus.FAILURE)
        await self.end(days_ago=DAYS + 1)
        return self

    async def end(self, *, days_ago: int) -> None:
        await self.logged.end(self.execution, ExecutionStatus.FAILURE)
        async with self.database.session() as session:
            ended = utcnow() - timedelta(days=days_ago)
            await session.execute(
                update(Execution).where(Execution.id == self.execution.id).values(finished_at=ended)
            )

    async def archive(self, days: int = DAYS) -> Archived:
        return await archive_old(self.database, self.store, days=days)

    async def count(self, table: type[LogChunk | ArchivedChunk | LogArchive]) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0

    async def shown(self) -> list[str]:
        """All that the API serves of it: pages from the start and the middle, texts, streams."""
        step, job = f"/api/v1/steps/{self.first.id}", f"/api/v1/jobs/{self.job.id}"
        execution = f"/api/v1/executions/{self.execution.id}"
        addresses = [
            f"{base}/logs{rest}"
            for base in (step, job, execution)
            for rest in ("", ".txt", "?limit=3", "?follow=true")
        ]
        addresses += [f"{step}/logs?from_line=5", f"{step}/logs?from_line=6&follow=true"]
        answers = []
        for address in addresses:
            answer = await self.reader.get(address)
            assert answer.status_code == 200, (address, answer.text)
            # Frames of streams say when they were sent; their lines, when they were written.
            answers.append(re.sub(r'"seq":null,"at":"[^"]*"', "", answer.text))
        return answers


@pytest.fixture
def store(application: FastAPI) -> LogStore:
    return LogStore(application.state.runtime.settings.log_archive_url)


@pytest.fixture
async def scene(
    database: Database, store: LogStore, logged: LogFactory, make: Factory, sign_in: SignIn
) -> Scene:
    reader = await make.user()
    project = await make.project(members={Role.REPORTER: reader})
    execution = await logged.execution(project)
    return await Scene(database, store, logged).open(await sign_in(reader), execution)


def _files(store: LogStore) -> Sequence[Path]:
    folder = Path(store.url.removeprefix("file://"))
    return [path for path in folder.rglob("*") if path.is_file()]


class TestArchived:
    async def test_everything_is_shown_as_before(self, scene: Scene) -> None:
        before = await scene.shown()
        done = await scene.archive()
        assert (done.executions, done.chunks, done.failed) == (1, 4, 0)
        assert (await scene.count(LogChunk), await scene.count(ArchivedChunk)) == (0, 4)
        assert await scene.shown() == before

    async def test_the_text_has_the_digest_of_its_step(self, scene: Scene) -> None:
        await scene.archive()
        address = f"/api/v1/steps/{scene.first.id}/logs"
        text = (await scene.reader.get(f"{address}.txt")).content
        part = (await scene.reader.get(address)).json()["part"]
        assert hashlib.sha256(text).hexdigest() == part["sha256"]

    async def test_live_views_resume_and_read_it(self, scene: Scene) -> None:
        async def seen() -> tuple[object, ...]:
            async with scene.database.read() as session:
                repository = RealtimeRepository(session)
                steps = await repository.steps_of_job(scene.job.id)
                last = await repository.last_lines(scene.job.id)
                rows = [
                    await repository.chunks(scene.job.id, step, after_line=4, limit=10)
                    for step in steps
                ]
            return last, rows

        before = await seen()
        await scene.archive()
        attach(scene.database, scene.store)
        assert await seen() == before

    async def test_what_is_young_or_still_runs_stays(self, scene: Scene) -> None:
        await scene.end(days_ago=DAYS - 1)
        assert await scene.archive() == Archived()
        await scene.end(days_ago=DAYS + 1)
        assert await scene.archive(days=0) == Archived()
        await scene.logged.end(scene.execution, ExecutionStatus.RUNNING)
        assert await scene.archive() == Archived()
        assert await scene.count(LogChunk) == 4

    async def test_a_second_time_there_is_nothing_to_do(self, scene: Scene) -> None:
        await scene.archive()
        assert await scene.archive() == Archived()
        assert len(_files(scene.store)) == 1

    async def test_steps_of_a_later_attempt_follow_into_a_file_of_their_own(
        self, scene: Scene
    ) -> None:
        await scene.archive()
        third: LoggedStep = await scene.logged.step(scene.job, 2)
        await third.write("again")
        await third.end()
        before = await scene.shown()
        assert (await scene.archive()).chunks == 1
        assert await scene.shown() == before
        assert len(_files(scene.store)) == 2

    async def test_it_goes_with_its_execution(self, scene: Scene) -> None:
        await scene.archive()
        async with scene.database.session() as session:
            await session.execute(delete(Execution).where(Execution.id == scene.execution.id))
        assert (await scene.archive()).files_removed == 1
        assert (_files(scene.store), await scene.count(LogArchive)) == ([], 0)


class Broken(LogStore):
    """Fails, or is wrong, at one point."""

    def __init__(self, url: str, at: str) -> None:
        super().__init__(url)
        self.at = at

    @contextmanager
    def writing(self, id_: uuid.UUID) -> Iterator[IO[bytes]]:
        if self.at == "open":
            raise Unavailable("no space is left")
        with super().writing(id_) as file:
            yield file
            if self.at == "write":
                raise Unavailable("no space is left")
            if self.at == "damage":
                file.seek(3)
                file.write(b"\xff")

    def read(self, id_: uuid.UUID, slices: Sequence[tuple[int, int]]) -> list[bytes]:
        if self.at == "read":
            raise Unavailable("the store is away")
        return super().read(id_, slices)


class TestBrokenOff:
    @pytest.mark.parametrize("at", ["open", "write", "read"])
    async def test_a_store_that_fails_leaves_the_rows_and_the_next_time_succeeds(
        self, scene: Scene, at: str
    ) -> None:
        before = await scene.shown()
        with pytest.raises(Unavailable):
            await archive_old(scene.database, Broken(scene.store.url, at), days=DAYS)
        assert (await scene.count(LogChunk), await scene.count(ArchivedChunk)) == (4, 0)
        assert await scene.shown() == before
        assert (await scene.archive()).executions == 1
        assert await scene.shown() == before

    async def test_what_was_begun_long_ago_and_left_is_removed(self, scene: Scene) -> None:
        with pytest.raises(Unavailable):
            await archive_old(scene.database, Broken(scene.store.url, "read"), days=DAYS)
        assert len(_files(scene.store)) == 1
        async with scene.database.session() as session:
            long_ago = utcnow() - timedelta(days=2)
            await session.execute(update(LogArchive).values(created_at=long_ago))
        assert (await scene.archive()).files_removed == 1
        assert len(_files(scene.store)) == await scene.count(LogArchive) == 1
        assert await scene.shown()

    async def test_a_file_that_differs_from_the_rows_leaves_them(self, scene: Scene) -> None:
        done = await archive_old(scene.database, Broken(scene.store.url, "damage"), days=DAYS)
        assert (done.executions, done.failed) == (0, 1)
        assert (await scene.count(LogChunk), await scene.count(ArchivedChunk)) == (4, 0)
        assert (_files(scene.store), await scene.count(LogArchive)) == ([], 0)

    async def test_the_move_itself_is_whole_or_not_at_all(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        move = ArchivingRepository.move

        async def stop(self: ArchivingRepository, *args: object, **options: object) -> None:
            await move(self, *args, **options)  # type: ignore[arg-type]  # as they came
            raise Unavailable("stopped before the commit")

        before = await scene.shown()
        with monkeypatch.context() as patched:
            patched.setattr(ArchivingRepository, "move", stop)
            with pytest.raises(Unavailable):
                await scene.archive()
        assert (await scene.count(LogChunk), await scene.count(ArchivedChunk)) == (4, 0)
        assert (await scene.archive()).executions == 1
        assert await scene.shown() == before

    async def test_chunks_that_are_merged_meanwhile_are_left_for_the_next_time(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = (await scene.reader.get(f"/api/v1/steps/{scene.first.id}/logs.txt")).text
        lock = ArchivingRepository.lock

        async def merged(
            self: ArchivingRepository, steps: Sequence[uuid.UUID]
        ) -> Sequence[tuple[uuid.UUID, int, bytes]]:
            found = await lock(self, steps)
            return found[:-1]

        with monkeypatch.context() as patched:
            patched.setattr(ArchivingRepository, "lock", merged)
            assert (await scene.archive()).executions == 0
        assert await scene.count(LogChunk) == 4
        assert await merge_step(scene.database, scene.first.id) == 2
        assert (await scene.archive()).chunks == 2
        after = (await scene.reader.get(f"/api/v1/steps/{scene.first.id}/logs.txt")).text
        assert after == before
