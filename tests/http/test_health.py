"""Health says what was measured, and whether requests can be served."""

from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import insert, text, update

from app.administration.models import Worker
from app.core.clock import db_now, new_id, sleep_until_cancelled
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.migrate import head
from app.health import OWN_ACCOUNT, Component, Finding, State, measure
from app.jobs.depths import Depth
from app.jobs.models import OutboxRow
from app.jobs.queues import default_queues
from app.settings import Settings
from tests.fixtures.answers import body

DETAILED = "/health/detailed"


async def add_worker(database: Database, **fields: Any) -> None:
    values = {
        "id": new_id(),
        "name": "worker",
        "host": "host",
        "pid": 1,
        "version": "1",
        "queues": [],
        "labels": [],
        "concurrency": 4,
        "isolation": "own account per job",
        "started_at": db_now(),
        "seen_at": db_now(),
    }
    async with database.session() as session:
        await session.execute(insert(Worker).values(values | fields))


@pytest.mark.parametrize("path", ["/health/", "/health/live", "/health/ready"])
async def test_a_whole_system_is_ok(client: httpx.AsyncClient, path: str) -> None:
    assert body(await client.get(path))["status"] == "ok"


class TestDatabase:
    async def test_without_it_the_process_lives_but_is_not_ready(
        self, client: httpx.AsyncClient, application: FastAPI
    ) -> None:
        away = Database("mysql+asyncmy://nobody@127.0.0.1:1/none", pool_size=1)
        application.state.runtime.database = away
        assert body(await client.get("/health/live"))["status"] == "ok"
        assert body(await client.get("/health/ready"), 503)["status"] == "down"
        found = body(await client.get(DETAILED), 503)
        assert found["components"]["database"]["status"] == "down"
        assert "127.0.0.1" not in str(found)
        await away.close()

    async def test_tables_of_another_version_are_not_ready(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        async with database.session() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        try:
            found = body(await client.get(DETAILED), 503)
            assert "ansflow migrate" in found["components"]["database"]["detail"]
        finally:
            async with database.session() as session:
                restore = text("UPDATE alembic_version SET version_num = :head")
                await session.execute(restore, {"head": head()})


class TestRedis:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        urls = {"api": SecretStr("redis://127.0.0.1:1")}
        return settings.model_copy(
            update={"redis": settings.redis.model_copy(update={"urls": urls})}
        )

    async def test_without_a_namespace_requests_are_served(self, client: httpx.AsyncClient) -> None:
        found = body(await client.get(DETAILED))
        assert found["status"] == "degraded"
        assert found["components"]["redis"]["detail"] == "api away: answers are not cached"


class TestWorkers:
    async def test_none_means_that_jobs_wait(self, client: httpx.AsyncClient) -> None:
        found = body(await client.get(DETAILED))["components"]["workers"]
        assert (found["status"], found["facts"]["online"]) == ("degraded", 0)

    async def test_those_that_were_seen_count(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        await add_worker(database)
        await add_worker(database, seen_at=db_now(-3600))
        await add_worker(database, stopped_at=db_now())
        found = body(await client.get(DETAILED))
        facts = found["components"]["workers"]["facts"]
        assert facts == {"online": 1, "slots": 4, "without_isolation": 0}
        assert found["notices"] == []

    async def test_jobs_under_the_servers_own_account_are_told_plainly(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        await add_worker(database, isolation=OWN_ACCOUNT)
        (notice,) = body(await client.get(DETAILED))["notices"]
        assert "whoever may edit a pipeline acts as that account" in notice


class SomeDepths:
    """Queues of which one has messages; away when there is nothing to say."""

    def __init__(self, found: dict[str, Depth] | None) -> None:
        self._found = found

    async def of(self, _queues: Iterable[str]) -> dict[str, Depth]:
        if self._found is None:
            raise Unavailable("away")
        return self._found

    async def close(self) -> None: ...


class TestQueues:
    @pytest.mark.parametrize(
        ("ready", "consumers", "status"), [(3, 0, "degraded"), (3, 1, "ok"), (0, 0, "ok")]
    )
    async def test_messages_that_nobody_takes_are_told(
        self,
        client: httpx.AsyncClient,
        application: FastAPI,
        ready: int,
        consumers: int,
        status: str,
    ) -> None:
        queue = default_queues()[0]
        depth = Depth(ready=ready, consumers=consumers)
        application.state.runtime.depths = SomeDepths({queue: depth})
        found = body(await client.get(DETAILED))["components"]["queues"]
        assert (found["status"], found["facts"]) == (status, {queue: ready})

    async def test_metrics_show_depths_of_now_and_no_old_ones(
        self, client: httpx.AsyncClient, application: FastAPI
    ) -> None:
        queue = default_queues()[0]
        runtime = application.state.runtime
        shown = f'ansflow_queue_messages{{queue="{queue}"}}'
        runtime.depths = SomeDepths({queue: Depth(ready=7, consumers=0)})
        assert f"{shown} 7.0" in (await client.get("/metrics")).text
        runtime.depths = SomeDepths(None)
        assert f"{shown} NaN" in (await client.get("/metrics")).text


class TestOutbox:
    async def test_the_lag_is_that_of_the_oldest_message_that_is_due(
        self, client: httpx.AsyncClient, database: Database
    ) -> None:
        values = {
            "id": new_id(),
            "kind": "test.message",
            "queue": "low_priority",
            "body": {},
            "origin": new_id(),
            "created_at": db_now(3600),
            "not_before": db_now(3600),
        }
        async with database.session() as session:
            await session.execute(insert(OutboxRow).values(values))
        found = body(await client.get(DETAILED))["components"]["outbox"]
        assert found["facts"]["lag_s"] == 0
        taken = {"not_before": db_now(-90), "taken_until": db_now(60)}
        async with database.session() as session:
            await session.execute(update(OutboxRow).values(taken))
        found = body(await client.get(DETAILED))["components"]["outbox"]
        assert found["status"] == "ok"


class TestMeasure:
    async def test_a_check_that_hangs_is_down_within_its_deadline(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.health.DEADLINE_S", 0.05)

        async def hang() -> Finding:
            await sleep_until_cancelled()
            raise AssertionError

        found: Component = await measure(hang)
        assert found.status is State.DOWN
        assert "no answer within" in (found.detail or "")

    async def test_a_check_that_fails_tells_no_secret(self) -> None:
        async def fail() -> Finding:
            raise ValueError("password=hunter2")

        found = await measure(fail)
        assert found.status is State.DOWN
        assert "hunter2" not in found.model_dump_json()


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
class TestEverythingAway:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        away: dict[str, Any] = {
            "data": settings.data,
            "database": {"url": "mysql+asyncmy://nobody@127.0.0.1:1/none"},
            "redis": {"url": "redis://127.0.0.1:1"},
            "rabbitmq": {"url": "amqp://127.0.0.1:1/"},
        }
        return Settings(_env_file=None, **away)

    async def test_the_server_starts_and_says_what_is_missing(
        self, client: httpx.AsyncClient
    ) -> None:
        assert body(await client.get("/health/live"))["status"] == "ok"
        found = body(await client.get(DETAILED), 503)
        states = {name: each["status"] for name, each in found["components"].items()}
        assert states == {
            "database": "down",
            "redis": "degraded",
            "queues": "down",
            "workers": "down",
            "outbox": "down",
        }
        answer = await client.get("/api/v1/projects")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
