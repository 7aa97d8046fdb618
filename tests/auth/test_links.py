"""Invitations and resets: links that set a password once."""

import uuid
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.auth.models import PasswordLink, User
from app.auth.throttle import PER_ADDRESS
from app.core.clock import utcnow
from app.core.db import Database
from tests.auth.test_login import HASH, LOGIN, ME, SECRET, second_browser
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn

INVITATIONS, LINKS = "/api/v1/users/invitations", "/api/v1/auth/password-links"
NEW = "a much better password"


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


async def redeem(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(LINKS, json={"token": token, "new_password": NEW})


class TestInvitation:
    async def test_the_guest_sets_a_password_is_logged_in_and_the_link_is_used_up(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient, make: Factory
    ) -> None:
        made = body(await root.post(INVITATIONS, json={"name": "Grace"}), 201)
        assert (made["user"]["name"], made["user"]["logged_in_at"]) == ("Grace", None)
        answer = await redeem(client, made["token"])
        assert body(answer)["name"] == "Grace"
        assert made["token"] not in answer.text
        assert body(await client.get(ME))["name"] == "Grace"
        client.cookies.clear()
        body(await client.post(LOGIN, json={"name": "grace", "password": NEW}))
        assert_problem(await redeem(client, made["token"]), 404, "invalid_link")

    async def test_the_secret_is_not_stored(
        self, root: httpx.AsyncClient, database: Database
    ) -> None:
        made = body(await root.post(INVITATIONS, json={"name": "grace"}), 201)
        async with database.read() as session:
            rows = (await session.execute(PasswordLink.__table__.select())).all()
        assert len(rows) == 1
        assert made["token"] not in str(rows)

    async def test_an_expired_link_is_refused(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient, database: Database
    ) -> None:
        made = body(await root.post(INVITATIONS, json={"name": "grace"}), 201)
        async with database.session() as session:
            past = utcnow() - timedelta(seconds=1)
            await session.execute(update(PasswordLink).values(expires_at=past))
        assert_problem(await redeem(client, made["token"]), 404, "invalid_link")

    async def test_who_was_switched_off_meanwhile_is_refused(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        made = body(await root.post(INVITATIONS, json={"name": "grace"}), 201)
        body(await root.patch(f"/api/v1/users/{made['user']['id']}", json={"is_active": False}))
        assert_problem(await redeem(client, made["token"]), 404, "invalid_link")

    @pytest.mark.parametrize("wrong", ["ansflow_link_unknown", "", "x" * 200, "\N{SNOWMAN}"])
    async def test_an_unknown_link_is_refused(self, client: httpx.AsyncClient, wrong: str) -> None:
        assert_problem(await redeem(client, wrong), 404, "invalid_link")

    async def test_guessing_is_slowed_down(self, client: httpx.AsyncClient) -> None:
        for _ in range(PER_ADDRESS):
            assert_problem(await redeem(client, "guess"), 404, "invalid_link")
        assert_problem(await redeem(client, "guess"), 429, "too_many_logins")

    async def test_another_site_does_not_use_a_link(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        made = body(await root.post(INVITATIONS, json={"name": "grace"}), 201)
        given = {"token": made["token"], "new_password": NEW}
        answer = await client.post(LINKS, json=given, headers={"Origin": "https://evil.test"})
        assert_problem(answer, 403, "cross_site_request")

    async def test_only_administrators_invite(self, make: Factory, sign_in: SignIn) -> None:
        alice = await sign_in(await make.user())
        answer = await alice.post(INVITATIONS, json={"name": "friend"})
        assert_problem(answer, 403, "administrator_only")

    async def test_a_name_in_use_is_refused(self, root: httpx.AsyncClient) -> None:
        assert_problem(await root.post(INVITATIONS, json={"name": "ROOT"}), 409, "user_name_taken")


class TestReset:
    @pytest.fixture
    async def alice(self, make: Factory) -> User:
        return await make.user("alice", password_hash=HASH)

    def path(self, user: User) -> str:
        return f"/api/v1/users/{user.id}/password-link"

    async def test_it_takes_the_password_and_ends_sessions(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient, alice: User, application: FastAPI
    ) -> None:
        login = {"name": "alice", "password": SECRET}
        body(await client.post(LOGIN, json=login))
        made = body(await root.post(self.path(alice), json={"valid_hours": 1}), 201)
        assert_problem(await client.get(ME), 401, "unauthenticated")
        async with second_browser(application) as browser:
            assert_problem(await browser.post(LOGIN, json=login), 401, "bad_credentials")
            body(await redeem(browser, made["token"]))
            assert body(await browser.get(ME))["name"] == "alice"

    async def test_only_the_newest_link_works(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient, alice: User
    ) -> None:
        first, second = [
            body(await root.post(self.path(alice), json={}), 201)["token"] for _ in range(2)
        ]
        assert_problem(await redeem(client, first), 404, "invalid_link")
        body(await redeem(client, second))

    async def test_it_is_for_administrators_and_known_users(
        self, root: httpx.AsyncClient, alice: User, make: Factory, sign_in: SignIn
    ) -> None:
        bob = await sign_in(await make.user())
        assert_problem(await bob.post(self.path(alice), json={}), 403, "administrator_only")
        alice.id = uuid.UUID(int=1)
        assert_problem(await root.post(self.path(alice), json={}), 404, "user_not_found")
