"""When tokens were last used and people last logged in; what ends when a user is switched off."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from app.auth.models import ApiToken, LoginSession
from app.core.clock import utcnow
from app.core.db import Database
from tests.auth.test_login import HASH, ME, log_in
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

TOKENS = "/api/v1/auth/tokens"


async def used_before(database: Database, seconds: float | None) -> None:
    used_at = None if seconds is None else utcnow() - timedelta(seconds=seconds)
    async with database.session() as session:
        await session.execute(update(ApiToken).values(used_at=used_at))


class TestLastUse:
    async def test_a_token_says_when_it_was_used(
        self, make: Factory, sign_in: SignIn, database: Database
    ) -> None:
        alice = await sign_in(await make.user())
        await used_before(database, None)
        made = body(await alice.post(TOKENS, json={"name": "ci", "scopes": ["read"]}), 201)
        assert made["used_at"] is None
        spare, own = body(await alice.get(TOKENS))["items"]
        assert spare["used_at"] is None
        assert own["used_at"] is not None

    async def test_it_is_written_once_a_minute(
        self, make: Factory, sign_in: SignIn, database: Database, queries: Queries
    ) -> None:
        alice = await sign_in(await make.user())
        for seconds, writes in ((None, 1), (10, 0), (70, 1)):
            await used_before(database, seconds)
            with queries() as seen:
                body(await alice.get(ME))
                body(await alice.get(ME))
            assert len([each for each in seen if each.startswith("UPDATE")]) == writes

    async def test_a_log_in_is_noted(self, make: Factory, client: httpx.AsyncClient) -> None:
        await make.user("alice", password_hash=HASH)
        assert body(await log_in(client))["logged_in_at"] is not None


class TestSwitchedOff:
    @pytest.fixture
    async def root(self, make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
        return await sign_in(await make.user("root", administrator=True))

    async def test_tokens_and_sessions_end_for_good(
        self,
        root: httpx.AsyncClient,
        make: Factory,
        sign_in: SignIn,
        client: httpx.AsyncClient,
        database: Database,
    ) -> None:
        alice = await make.user("alice", password_hash=HASH)
        scripted = await sign_in(alice)
        await log_in(client)
        path = f"/api/v1/users/{alice.id}"
        body(await root.patch(path, json={"is_active": False}))
        assert_problem(await scripted.get(ME), 401, "invalid_token")
        assert_problem(await client.get(ME), 401, "unauthenticated")
        body(await root.patch(path, json={"is_active": True}))
        assert_problem(await scripted.get(ME), 401, "invalid_token")
        assert_problem(await client.get(ME), 401, "unauthenticated")
        async with database.read() as session:
            assert await session.scalar(LoginSession.__table__.select()) is None
        body(await log_in(client))
        body(await client.get(ME))
