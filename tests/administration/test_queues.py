"""Queues and dead letters over HTTP, with RabbitMQ and inside one process."""

import uuid
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core.clock import new_id
from app.core.db import Database
from app.core.errors import Unavailable
from app.jobs.catalog import MergeLogs
from app.jobs.models import OutboxRow
from app.jobs.outbox import Outgoing, enqueue_rows
from app.jobs.publisher import RabbitPublisher
from app.settings import Settings
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn
from tests.polling import until, until_true
from tests.workers.runtime.test_embedded import server, started
from workers.actors import ACTORS, Actor

URL = "/api/v1/queues"


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


@pytest.mark.parametrize("database_under_test", ["mysql"], indirect=True)
class TestWithRabbit:
    async def test_dead_letters_are_listed_moved_and_thrown_away(
        self, root: httpx.AsyncClient, application: FastAPI, settings: Settings, database: Database
    ) -> None:
        assert settings.rabbitmq.url is not None
        url, prefix = settings.rabbitmq.url.get_secret_value(), settings.rabbitmq.prefix
        publisher = RabbitPublisher(url, prefix=prefix)
        sent = [
            Outgoing(new_id(), MergeLogs.wire, queue, MergeLogs(new_id(), 1).body())
            for queue in ("low_priority", "low_priority.XQ", "low_priority.XQ")
        ]
        await publisher.publish(sent[:1])
        # On the queue of dead letters as if a worker had given it up.
        await publisher.publish(sent[1:])
        await publisher.close()
        queues = {each["name"]: each for each in body(await root.get(URL))["items"]}
        assert queues["low_priority"] == {
            "name": "low_priority",
            "ready": 1,
            "consumers": 0,
            "dead_letters": 2,
        }
        path = f"{URL}/low_priority/dead-letters"
        items = body(await root.get(path))["items"]
        assert [each["id"] for each in items] == [str(each.id) for each in sent[1:]]
        assert items[0]["kind"] == "log.merge"
        chosen = {"ids": [items[0]["id"]]}
        assert body(await root.post(f"{path}/requeue", json=chosen)) == {"count": 1}
        assert body(await root.post(f"{path}/purge", json={})) == {"count": 1}
        assert body(await root.get(path))["items"] == []
        async with database.read() as session:
            entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
        assert [(each.action, each.after) for each in entries] == [
            ("dead_letters.requeue", {"count": 1}),
            ("dead_letters.purge", {"count": 1}),
        ]

    @pytest.mark.parametrize("queue", ["other", "high_priority.XQ", "high_priority.😀", "amq.rpc"])
    async def test_other_queues_are_not_ours(self, root: httpx.AsyncClient, queue: str) -> None:
        for answer in (
            await root.get(f"{URL}/{queue}/dead-letters"),
            await root.post(f"{URL}/{queue}/dead-letters/purge", json={}),
        ):
            assert_problem(answer, 404, "queue_not_found")


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestApi:
    async def test_a_server_without_a_worker_has_no_queues(self, root: httpx.AsyncClient) -> None:
        assert_problem(await root.get(URL), 503, "unavailable")
        answer = await root.get(f"{URL}/high_priority/dead-letters")
        assert_problem(answer, 503, "unavailable")

    async def test_it_is_for_administrators(self, make: Factory, sign_in: SignIn) -> None:
        client = await sign_in(await make.user())
        path = f"{URL}/high_priority/dead-letters"
        for answer in (
            await client.get(URL),
            await client.get(path),
            await client.post(f"{path}/requeue", json={}),
            await client.post(f"{path}/purge", json={}),
        ):
            assert_problem(answer, 403, "administrator_only")


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestEmbedded:
    async def test_what_was_given_up_is_kept_moved_and_thrown_away(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[uuid.UUID] = []

        async def fail(_context: object, message: MergeLogs) -> NoReturn:
            tried.append(message.job_id)
            raise Unavailable("the store is away")

        monkeypatch.setitem(ACTORS, MergeLogs, Actor(fail, max_retries=0))
        settings = Settings(_env_file=None, data={"folder": tmp_path}, worker={"isolation": "none"})
        with started(settings) as worker:
            async with server(worker, database):
                await self.send(database)
                letters = worker.dead_letters
                await until_true(lambda: self.has(letters, 1))
                (letter,) = await letters.oldest("low_priority", limit=10)
                assert letter.kind == "log.merge"
                assert letter.body is not None
                assert await letters.requeue("low_priority", {letter.id}) == 1
                await until(lambda: len(tried) == 2)
                await until_true(lambda: self.has(letters, 1))
                assert await self.messages(database) == 1, "it outlives this process"
                assert await letters.purge("low_priority", None) == 1
                await until_true(lambda: self.has_none(database))
                assert await letters.count("low_priority") == 0

    async def send(self, database: Database) -> None:
        body = MergeLogs(new_id(), 1).body()
        row = Outgoing(new_id(), MergeLogs.wire, "low_priority", body)
        async with database.session() as session:
            await enqueue_rows(session, [(row, None)])

    async def has(self, letters: object, count: int) -> bool:
        return await letters.count("low_priority") == count  # type: ignore[attr-defined,no-any-return]  # LocalDeadLetters

    async def messages(self, database: Database) -> int:
        async with database.read() as session:
            rows = await session.scalars(select(OutboxRow).where(OutboxRow.kind == "log.merge"))
            return len(rows.all())

    async def has_none(self, database: Database) -> bool:
        return await self.messages(database) == 0
