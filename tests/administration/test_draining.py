"""Workers that are told to take nothing new, and to work again."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from app.administration.models import Worker
from app.administration.registration import (
    WorkerDescription,
    mark_seen,
    mark_stopped,
    register,
)
from app.audit.models import AuditEntry
from app.core.clock import new_id
from app.core.db import Database
from app.settings import Settings
from tests.executions.driver import Driver
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn
from tests.polling import until_true
from tests.workers.runtime.test_embedded import begins, ends, launch, server, started

URL = "/api/v1/workers"


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


@pytest.fixture
async def worker(database: Database) -> WorkerDescription:
    description = WorkerDescription(
        id=new_id(),
        name="builder-1",
        host="builder",
        pid=1,
        version="1",
        queues=["high"],
        labels=[],
        concurrency=1,
        isolation="",
    )
    await register(database, description)
    return description


class TestApi:
    async def test_a_worker_hears_it_at_its_next_sign_of_life_and_shows_it(
        self, root: httpx.AsyncClient, worker: WorkerDescription, database: Database
    ) -> None:
        path = f"{URL}/{worker.id}"
        assert not (await mark_seen(database, worker.id, draining=False)).drain
        wanted = body(await root.post(f"{path}/drain"), 202)
        assert (wanted["state"], wanted["drain_wanted"]) == ("online", True)
        assert (await mark_seen(database, worker.id, draining=False)).drain
        await mark_seen(database, worker.id, draining=True)
        assert body(await root.get(URL))["items"][0]["state"] == "draining"
        assert body(await root.post(f"{path}/resume"), 202)["drain_wanted"] is False
        assert not (await mark_seen(database, worker.id, draining=True)).drain
        await mark_seen(database, worker.id, draining=False)
        assert body(await root.get(URL))["items"][0]["state"] == "online"
        async with database.read() as session:
            entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
        assert [entry.action for entry in entries] == ["worker.drain", "worker.resume"]

    async def test_one_that_has_ended_is_not_told(
        self, root: httpx.AsyncClient, worker: WorkerDescription, database: Database
    ) -> None:
        await mark_stopped(database, worker.id)
        answer = await root.post(f"{URL}/{worker.id}/drain")
        assert_problem(answer, 409, "worker_has_stopped")

    async def test_one_that_does_not_exist_is_not_found(self, root: httpx.AsyncClient) -> None:
        answer = await root.post(f"{URL}/{new_id()}/drain")
        assert_problem(answer, 404, "worker_not_found")

    async def test_it_is_for_administrators(
        self, make: Factory, sign_in: SignIn, worker: WorkerDescription
    ) -> None:
        client = await sign_in(await make.user())
        for act in ("drain", "resume"):
            answer = await client.post(f"{URL}/{worker.id}/{act}")
            assert_problem(answer, 403, "administrator_only")


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestWorker:
    async def test_it_ends_what_it_runs_takes_nothing_new_and_goes_on_when_told(
        self, database: Database, make: Factory, tmp_path: Path
    ) -> None:
        settings = Settings(
            _env_file=None,
            data={"folder": tmp_path},
            worker={"isolation": "none", "renew_s": 0.1},
        )
        driver, door = Driver(database), tmp_path / "door"
        waits = f"steps:\n  - run: until [ -e {json.dumps(str(door))} ]; do sleep 0.05; done\n"
        with started(settings) as embedded:
            async with server(embedded, database):
                running = await launch(make, driver, waits)
                await begins(driver, running)
                await self.want(database, drain=True)
                await until_true(lambda: self.is_draining(database, True))
                queued = await launch(make, driver, "steps:\n  - run: 'true'\n")
                door.touch()
                assert await ends(driver, running) == ["success"]
                # Long enough for a worker that took it to have begun.
                await asyncio.sleep(0.5)
                assert await driver.statuses(queued) == {"main": "queued"}
                await self.want(database, drain=False)
                assert await ends(driver, queued) == ["success"]
                await until_true(lambda: self.is_draining(database, False))

    async def want(self, database: Database, *, drain: bool) -> None:
        # A worker takes jobs before it has registered.
        await until_true(lambda: self.is_wanted(database, drain=drain))

    async def is_wanted(self, database: Database, *, drain: bool) -> bool:
        async with database.session() as session:
            changed = await session.execute(
                update(Worker).values(drain_wanted=drain).returning(Worker.id)
            )
            return changed.first() is not None

    async def is_draining(self, database: Database, wanted: bool) -> bool:
        async with database.read() as session:
            return set(await session.scalars(select(Worker.draining))) == {wanted}
