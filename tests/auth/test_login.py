"""Log-in of browsers: sessions, their end, and what other sites cannot do."""

import uuid
from datetime import timedelta

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import update

from app.auth.models import LoginSession, User
from app.auth.throttle import PER_NAME
from app.core.clock import utcnow
from app.core.db import Database
from app.settings import Settings
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory

LOGIN, LOGOUT, SESSIONS = "/api/v1/auth/login", "/api/v1/auth/logout", "/api/v1/auth/sessions"
ME, PASSWORD = "/api/v1/users/me", "/api/v1/auth/password"
SECRET = "correct horse battery"  # noqa: S105  of a test's user
# Cheap parameters; they travel inside the hash.
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def alice(make: Factory) -> User:
    return await make.user("Alice", password_hash=HASH)


async def log_in(client: httpx.AsyncClient, name: str = "alice") -> httpx.Response:
    return await client.post(LOGIN, json={"name": name, "password": SECRET})


class TestLogIn:
    async def test_it_sets_a_cookie_that_scripts_and_other_sites_do_not_get(
        self, client: httpx.AsyncClient, alice: User
    ) -> None:
        answer = await log_in(client)
        assert body(answer)["name"] == "Alice"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert body(await client.get(ME))["id"] == str(alice.id)

    async def test_the_cookie_itself_is_not_stored(
        self, client: httpx.AsyncClient, alice: User, database: Database
    ) -> None:
        await log_in(client)
        secret = client.cookies["ansflow_session"]
        session = body(await client.get(SESSIONS))["items"][0]
        async with database.read() as reading:
            row = await reading.get(LoginSession, uuid.UUID(session["id"]))
        assert row is not None
        assert secret not in str(vars(row))

    @pytest.mark.usefixtures("alice")
    async def test_wrong_password_and_unknown_name_answer_alike(
        self, client: httpx.AsyncClient
    ) -> None:
        wrong = await client.post(LOGIN, json={"name": "alice", "password": "wrong"})
        unknown = await client.post(LOGIN, json={"name": "nobody", "password": "wrong"})
        assert_problem(wrong, 401, "bad_credentials")
        assert wrong.json() == unknown.json()
        assert "set-cookie" not in wrong.headers

    async def test_without_a_password_nobody_logs_in(
        self, client: httpx.AsyncClient, make: Factory
    ) -> None:
        await make.user("robot")
        answer = await client.post(LOGIN, json={"name": "robot", "password": ""})
        assert_problem(answer, 401, "bad_credentials")

    async def test_a_switched_off_user_does_not_log_in(
        self, client: httpx.AsyncClient, make: Factory
    ) -> None:
        await make.user("gone", password_hash=HASH, active=False)
        assert_problem(await log_in(client, "gone"), 401, "bad_credentials")

    async def test_a_password_never_comes_back_in_an_error(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(LOGIN, json={"name": 5, "password": SECRET})
        assert answer.status_code == 422
        assert SECRET not in answer.text

    @pytest.mark.usefixtures("alice")
    async def test_guessing_is_slowed_down(self, client: httpx.AsyncClient) -> None:
        for _ in range(PER_NAME):
            answer = await client.post(LOGIN, json={"name": "ALICE", "password": "wrong"})
            assert_problem(answer, 401, "bad_credentials")
        answer = await log_in(client)
        assert_problem(answer, 429, "too_many_logins")
        assert int(answer.headers["retry-after"]) > 0


class TestWithoutRedis:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        away = SecretStr("redis://127.0.0.1:1")
        urls = {"default": away, "session": away}
        redis = settings.redis.model_copy(update={"urls": urls})
        return settings.model_copy(update={"redis": redis})

    @pytest.mark.usefixtures("alice")
    async def test_log_in_and_sessions_work(self, client: httpx.AsyncClient) -> None:
        body(await log_in(client))
        body(await client.get(ME))


@pytest.mark.usefixtures("alice")
class TestCrossSite:
    async def test_a_cookie_does_not_write_for_another_site(
        self, client: httpx.AsyncClient
    ) -> None:
        await log_in(client)
        for headers in (
            {"Origin": "https://evil.test"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "X-AnsFlow-CSRF": "1"},
            {"Origin": "null", "X-AnsFlow-CSRF": "1"},
            {},
        ):
            answer = await client.post("/api/v1/projects", json={"slug": "stolen"}, headers=headers)
            assert_problem(answer, 403, "cross_site_request")
        assert body(await client.get("/api/v1/projects"))["items"] == []

    @pytest.mark.parametrize(
        "headers",
        [SAME_SITE, {"Origin": "http://ansflow.test"}, {"X-AnsFlow-CSRF": "1"}],
        ids=["fetch metadata", "origin", "own header"],
    )
    async def test_our_own_pages_write(
        self, client: httpx.AsyncClient, headers: dict[str, str]
    ) -> None:
        await log_in(client)
        answer = await client.post("/api/v1/projects", json={"slug": "own"}, headers=headers)
        body(answer, 201)

    async def test_another_site_does_not_log_its_own_user_in(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.post(
            LOGIN,
            json={"name": "alice", "password": SECRET},
            headers={"Origin": "https://evil.test"},
        )
        assert_problem(answer, 403, "cross_site_request")

    async def test_allowed_origins_write(
        self, client: httpx.AsyncClient, application: FastAPI
    ) -> None:
        settings: Settings = application.state.runtime.settings
        security = settings.security.model_copy(update={"allowed_origins": ["https://ui.test"]})
        application.state.runtime.settings = settings.model_copy(update={"security": security})
        await log_in(client)
        answer = await client.post(
            "/api/v1/projects", json={"slug": "ui"}, headers={"Origin": "https://ui.test"}
        )
        body(answer, 201)


@pytest.mark.usefixtures("alice")
class TestSessions:
    async def test_log_out_ends_the_session_not_only_the_cookie(
        self, client: httpx.AsyncClient
    ) -> None:
        await log_in(client)
        secret = client.cookies["ansflow_session"]
        body(await client.post(LOGOUT, headers=SAME_SITE), 204)
        client.cookies.set("ansflow_session", secret)
        assert_problem(await client.get(ME), 401, "unauthenticated")

    async def test_log_out_without_a_session_is_done_already(
        self, client: httpx.AsyncClient
    ) -> None:
        body(await client.post(LOGOUT), 204)

    async def test_one_sees_and_ends_ones_own_sessions(
        self, client: httpx.AsyncClient, application: FastAPI
    ) -> None:
        await log_in(client)
        async with second_browser(application) as other:
            await log_in(other)
            listed = body(await client.get(SESSIONS))["items"]
            assert [each["is_current"] for each in listed] == [False, True]
            path = f"{SESSIONS}/{listed[0]['id']}"
            body(await client.delete(path, headers=SAME_SITE), 204)
            assert_problem(await other.get(ME), 401, "unauthenticated")
        body(await client.get(ME))

    async def test_one_ends_all_others(
        self, client: httpx.AsyncClient, application: FastAPI
    ) -> None:
        await log_in(client)
        async with second_browser(application) as other:
            await log_in(other)
            body(await client.delete(SESSIONS, headers=SAME_SITE), 204)
            assert_problem(await other.get(ME), 401, "unauthenticated")
        assert len(body(await client.get(SESSIONS))["items"]) == 1

    async def test_sessions_of_others_do_not_exist(
        self, client: httpx.AsyncClient, make: Factory, application: FastAPI
    ) -> None:
        await make.user("bob", password_hash=HASH)
        await log_in(client)
        session = body(await client.get(SESSIONS))["items"][0]
        async with second_browser(application) as bob:
            await log_in(bob, "bob")
            answer = await bob.delete(f"{SESSIONS}/{session['id']}", headers=SAME_SITE)
            assert_problem(answer, 404, "session_not_found")

    async def test_a_session_that_was_not_seen_for_the_idle_time_ends(
        self, client: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        await log_in(client)
        await seen_before(database, settings.security.session_idle_s + 1)
        assert_problem(await client.get(ME), 401, "unauthenticated")

    async def test_use_keeps_it_alive_with_one_write_per_quarter(
        self,
        client: httpx.AsyncClient,
        database: Database,
        settings: Settings,
        queries: Queries,
    ) -> None:
        await log_in(client)
        with queries() as fresh:
            body(await client.get(ME))
        assert not [each for each in fresh if each.startswith("UPDATE")]
        await seen_before(database, settings.security.session_idle_s / 4 + 60)
        with queries() as due:
            body(await client.get(ME))
        assert len([each for each in due if each.startswith("UPDATE")]) == 1
        with queries() as again:
            body(await client.get(ME))
        assert not [each for each in again if each.startswith("UPDATE")]


@pytest.mark.usefixtures("alice")
class TestPassword:
    NEW = "a much better password"

    async def test_a_change_ends_every_session_but_begins_a_new_one(
        self, client: httpx.AsyncClient, application: FastAPI
    ) -> None:
        await log_in(client)
        async with second_browser(application) as other:
            await log_in(other)
            given = {"current_password": SECRET, "new_password": self.NEW}
            body(await client.post(PASSWORD, json=given, headers=SAME_SITE), 204)
            body(await client.get(ME))
            assert_problem(await other.get(ME), 401, "unauthenticated")
            assert_problem(await log_in(other), 401, "bad_credentials")
            fresh = {"name": "alice", "password": self.NEW}
            body(await other.post(LOGIN, json=fresh))

    async def test_the_current_password_is_needed(self, client: httpx.AsyncClient) -> None:
        await log_in(client)
        given = {"current_password": "wrong", "new_password": self.NEW}
        answer = await client.post(PASSWORD, json=given, headers=SAME_SITE)
        assert_problem(answer, 401, "bad_credentials")

    async def test_a_short_one_is_refused(self, client: httpx.AsyncClient) -> None:
        await log_in(client)
        given = {"current_password": SECRET, "new_password": "zq7"}
        answer = await client.post(PASSWORD, json=given, headers=SAME_SITE)
        assert_problem(answer, 422, "invalid")
        assert "zq7" not in answer.text


def second_browser(application: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://ansflow.test"
    )


async def seen_before(database: Database, seconds: float) -> None:
    """Set the last sign of life of all sessions back."""
    async with database.session() as session:
        seen_at = utcnow() - timedelta(seconds=seconds)
        await session.execute(update(LoginSession).values(seen_at=seen_at))
