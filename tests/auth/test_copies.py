"""Copies of sessions spare queries, and never bring back a session that has ended."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from app.auth.copies import Clocks, RedisSessionCopies, open_copies
from app.auth.principals import ALL_SCOPES, Principal
from app.core.clock import new_id
from app.core.db import Database
from app.core.redis import Namespace, Namespaces, RedisOptions
from app.events import RightsChanged
from app.models import LoginSession, User
from tests.fixtures.answers import body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory
from tests.fixtures.redis import RedisServer
from tests.polling import until, until_true

ME = "/api/v1/users/me"
ALICE = Principal(
    user_id=new_id(),
    name="alice",
    is_administrator=True,
    scopes=ALL_SCOPES,
    how="session",
    credential_id=new_id(),
)


@dataclass
class Time:
    """Both clocks; they stand still unless a test moves them."""

    monotonic_s: float = 1000.0
    wall_s: float = 1_800_000_000.0

    def pass_by(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.monotonic_s, lambda: self.wall_s)


@pytest.fixture
def time() -> Time:
    return Time()


def fresh(namespaces: Namespaces, time: Time) -> RedisSessionCopies:
    return RedisSessionCopies(namespaces[Namespace.SESSION], clocks=time.clocks)


@pytest.fixture
async def copies(namespaces: Namespaces, time: Time) -> AsyncIterator[RedisSessionCopies]:
    """Those of a process that has listened for long enough."""
    opened = fresh(namespaces, time)
    time.pass_by(120)
    yield opened
    await opened.close()


class TestCopies:
    async def test_what_was_put_is_known_to_every_process(
        self, copies: RedisSessionCopies, namespaces: Namespaces, time: Time
    ) -> None:
        other = fresh(namespaces, time)
        time.pass_by(120)
        await copies.put("digest", ALICE)
        assert await other.get("digest") == ALICE
        assert await other.get("another") is None
        counters = namespaces[Namespace.SESSION].counters
        assert (counters.hits, counters.misses) == (1, 1)

    async def test_it_ends_by_itself_in_redis(
        self, copies: RedisSessionCopies, namespaces: Namespaces
    ) -> None:
        await copies.put("digest", ALICE)
        client = namespaces[Namespace.SESSION]
        (name,) = [name async for name in client.client.scan_iter(match=client.pattern)]
        assert 0 < await client.client.pttl(name) <= 60_000

    @pytest.mark.parametrize("age_s", [61.0, -61.0, 7 * 24 * 3600.0])
    async def test_an_old_one_is_not_believed_whatever_redis_says(
        self, copies: RedisSessionCopies, time: Time, age_s: float
    ) -> None:
        await copies.put("digest", ALICE)
        time.wall_s += age_s
        assert await copies.get("digest") is None

    @pytest.mark.parametrize("text", ["", "{}", "[1]", "null", json.dumps({"at": "x"}), b"\xff"])
    async def test_what_nobody_can_read_is_nothing(
        self, copies: RedisSessionCopies, namespaces: Namespaces, text: str | bytes
    ) -> None:
        await copies.put("digest", ALICE)
        client = namespaces[Namespace.SESSION]
        (name,) = [name async for name in client.client.scan_iter(match=client.pattern)]
        await client.client.set(name, text)
        assert await copies.get("digest") is None

    async def test_a_restored_copy_of_an_ended_session_is_not_believed(
        self, copies: RedisSessionCopies, namespaces: Namespaces, time: Time
    ) -> None:
        await copies.put("digest", ALICE)
        client = namespaces[Namespace.SESSION]
        (name,) = [name async for name in client.client.scan_iter(match=client.pattern)]
        saved = await client.client.get(name)
        assert saved is not None
        copies.forget(ALICE.id, ["digest"])

        async def is_deleted() -> bool:
            return await client.client.exists(name) == 0

        await until_true(is_deleted)
        await client.client.set(name, saved, ex=60)
        assert await copies.get("digest") is None
        started_later = fresh(namespaces, time)
        assert await started_later.get("digest") is None
        time.pass_by(61)
        assert await copies.get("digest") is None
        time.pass_by(60)
        assert await copies.get("digest") is None, "by its age"
        assert await started_later.get("digest") is None

    async def test_only_users_whose_rights_changed_are_asked_for_again(
        self, copies: RedisSessionCopies
    ) -> None:
        await copies.put("digest", ALICE)
        copies.disbelieve([new_id()])
        assert await copies.get("digest") == ALICE
        copies.disbelieve([ALICE.id])
        assert await copies.get("digest") is None

    async def test_after_lost_messages_nobody_is_believed_for_a_time(
        self, copies: RedisSessionCopies, time: Time
    ) -> None:
        await copies.put("digest", ALICE)
        copies.lost_messages()
        assert await copies.get("digest") is None
        time.pass_by(120)
        await copies.put("digest", ALICE)
        assert await copies.get("digest") == ALICE

    async def test_without_hearing_of_ends_nothing_is_believed(
        self, namespaces: Namespaces, time: Time
    ) -> None:
        hears = True
        copies = RedisSessionCopies(
            namespaces[Namespace.SESSION], is_listening=lambda: hears, clocks=time.clocks
        )
        time.pass_by(120)
        await copies.put("digest", ALICE)
        assert await copies.get("digest") == ALICE
        hears = False
        assert await copies.get("digest") is None


async def test_a_redis_that_was_away_is_not_believed_when_it_is_back(
    redis_server: RedisServer, time: Time
) -> None:
    await redis_server.start()
    opened = Namespaces(RedisOptions(url=redis_server.url, timeout_s=0.5))
    copies = RedisSessionCopies(opened[Namespace.SESSION], clocks=time.clocks)
    time.pass_by(120)
    await copies.put("digest", ALICE)
    assert await copies.get("digest") == ALICE
    redis_server.stop()
    assert await copies.get("digest") is None
    await copies.put("digest", ALICE)
    await redis_server.start()
    await opened[Namespace.SESSION].ping()
    assert await copies.get("digest") is None
    await copies.close()
    await opened.close()


class TestApplication:
    """With an application that believes from the beginning."""

    @pytest.fixture
    async def believing(self, application: FastAPI, time: Time) -> AsyncIterator[None]:
        runtime = application.state.runtime
        copies = runtime.authenticator.copies = open_copies(
            runtime.redis[Namespace.SESSION],
            runtime.database,
            runtime.events,
            session_idle_s=runtime.settings.security.session_idle_s,
            clocks=time.clocks,
        )
        time.pass_by(120)
        await until(lambda: bool(runtime.events.is_listening))
        yield
        await copies.close()

    @pytest.fixture
    async def user(self, client: httpx.AsyncClient, make: Factory, believing: None) -> User:
        user = await make.user()
        client.cookies.set("ansflow_session", await make.session(user))
        body(await client.get(ME))
        return user

    async def test_the_next_request_needs_no_query_for_the_session(
        self, client: httpx.AsyncClient, user: User, queries: Queries
    ) -> None:
        with queries() as statements:
            assert body(await client.get(ME))["id"] == str(user.id)
        assert not [each for each in statements if "FROM sessions" in each]

    async def test_a_session_that_was_ended_is_over_at_once(
        self, client: httpx.AsyncClient, user: User
    ) -> None:
        same_site = {"Sec-Fetch-Site": "same-origin"}
        secret = client.cookies["ansflow_session"]
        answer = await client.delete("/api/v1/auth/sessions", headers=same_site)
        assert answer.status_code == 204
        answer = await client.post("/api/v1/auth/logout", headers=same_site)
        assert answer.status_code == 204
        client.cookies.set("ansflow_session", secret)
        assert (await client.get(ME)).status_code == 401

    async def test_what_another_process_ended_is_heard(
        self, client: httpx.AsyncClient, user: User, database: Database, application: FastAPI
    ) -> None:
        async with database.session() as session:
            await session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))
        body(await client.get(ME))
        application.state.runtime.events.publish([RightsChanged(user_ids=[user.id])])

        async def is_over() -> bool:
            return (await client.get(ME)).status_code == 401

        await until_true(is_over)

    async def test_a_flushed_redis_ends_no_session_and_brings_none_back(
        self, client: httpx.AsyncClient, user: User, database: Database, application: FastAPI
    ) -> None:
        redis = application.state.runtime.redis[Namespace.SESSION]
        names = [name async for name in redis.client.scan_iter(match=redis.pattern)]
        assert await redis.client.delete(*names) == 1
        body(await client.get(ME))
        async with database.session() as session:
            await session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))
        names = [name async for name in redis.client.scan_iter(match=redis.pattern)]
        assert await redis.client.delete(*names) == 1
        assert (await client.get(ME)).status_code == 401
