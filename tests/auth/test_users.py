"""Users: administrators make and change them; nobody makes themselves one."""

import asyncio
import uuid

import httpx
import pytest

from app.auth.errors import LastAdministrator
from app.auth.models import User
from app.auth.principals import SYSTEM
from app.auth.service.bootstrap import ensure_administrator
from app.auth.service.users import update_user
from app.core.db import Database
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

USERS = "/api/v1/users"


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


class TestCreate:
    async def test_the_new_user_logs_in(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        given = {"name": "Ada", "password": "analytical engine", "email": "ada@example.org"}
        made = body(await root.post(USERS, json=given), 201)
        assert (made["name"], made["is_administrator"], made["is_active"]) == ("Ada", False, True)
        login = {"name": "ADA", "password": "analytical engine"}
        body(await client.post("/api/v1/auth/login", json=login))

    async def test_names_are_unique_in_any_case(self, root: httpx.AsyncClient) -> None:
        body(await root.post(USERS, json={"name": "ada"}), 201)
        assert_problem(await root.post(USERS, json={"name": "Ada"}), 409, "user_name_taken")

    @pytest.mark.parametrize("name", ["", "a b", "-a", "a\n", "x" * 101, "a/b", "ä"])
    async def test_a_bad_name_is_refused(self, root: httpx.AsyncClient, name: str) -> None:
        assert_problem(await root.post(USERS, json={"name": name}), 422, "invalid")

    async def test_only_administrators_may(self, make: Factory, sign_in: SignIn) -> None:
        alice = await sign_in(await make.user())
        answer = await alice.post(USERS, json={"name": "friend", "is_administrator": True})
        assert_problem(answer, 403, "administrator_only")


class TestList:
    async def test_pages_hold_everybody_once_newest_first(
        self, root: httpx.AsyncClient, make: Factory, queries: Queries
    ) -> None:
        for number in range(4):
            await make.user(f"user-{number}")
        names, after = [], None
        while True:
            with queries(max=2):
                query = {"limit": 2} | ({"after": after} if after else {})
                page = body(await root.get(USERS, params=query))
            names += [user["name"] for user in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert names == ["user-3", "user-2", "user-1", "user-0", "root"]


class TestUpdate:
    async def test_switching_a_user_off_ends_tokens_at_once(
        self, root: httpx.AsyncClient, make: Factory, sign_in: SignIn
    ) -> None:
        alice = await make.user()
        client = await sign_in(alice)
        body(await client.get(f"{USERS}/me"))
        body(await root.patch(f"{USERS}/{alice.id}", json={"is_active": False}))
        assert_problem(await client.get(f"{USERS}/me"), 401, "invalid_token")

    async def test_absent_fields_stay(self, root: httpx.AsyncClient, make: Factory) -> None:
        alice = await make.user()
        path = f"{USERS}/{alice.id}"
        body(await root.patch(path, json={"email": "a@example.org"}))
        changed = body(await root.patch(path, json={"is_administrator": True}))
        assert changed["email"] == "a@example.org"
        assert body(await root.patch(path, json={"email": None}))["email"] is None

    async def test_a_new_password_ends_sessions(
        self, root: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        given = {"name": "ada", "password": "analytical engine"}
        ada = body(await root.post(USERS, json=given), 201)
        body(await client.post("/api/v1/auth/login", json=given))
        new = {"password": "difference engine"}
        body(await root.patch(f"{USERS}/{ada['id']}", json=new))
        assert_problem(await client.get(f"{USERS}/me"), 401, "unauthenticated")

    @pytest.mark.parametrize("change", [{"is_active": False}, {"is_administrator": False}])
    async def test_the_last_administrator_stays(
        self, root: httpx.AsyncClient, change: dict[str, bool]
    ) -> None:
        me = body(await root.get(f"{USERS}/me"))["id"]
        answer = await root.patch(f"{USERS}/{me}", json=change)
        assert_problem(answer, 409, "last_administrator")
        assert_problem(await root.delete(f"{USERS}/{me}"), 409, "last_administrator")

    async def test_two_administrators_cannot_end_each_other_at_once(
        self, make: Factory, database: Database
    ) -> None:
        one, two = [await make.user(administrator=True) for _ in range(2)]
        outcomes = await asyncio.gather(
            *(
                update_user(
                    database, by=SYSTEM, user_id=user.id, changes={"is_administrator": False}
                )
                for user in (one, two)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, LastAdministrator) for outcome in outcomes) == 1

    async def test_nobody_makes_themselves_an_administrator(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        alice = await make.user()
        client = await sign_in(alice)
        raised = {"is_administrator": True}
        assert_problem(await client.patch(f"{USERS}/me", json=raised), 422, "invalid")
        answer = await client.patch(f"{USERS}/{alice.id}", json=raised)
        assert_problem(answer, 403, "administrator_only")
        row = await make.get(User, alice.id)
        assert isinstance(row, User)
        assert not row.is_administrator

    async def test_users_change_their_own_details(self, make: Factory, sign_in: SignIn) -> None:
        client = await sign_in(await make.user())
        changed = body(await client.patch(f"{USERS}/me", json={"email": "me@example.org"}))
        assert changed["email"] == "me@example.org"

    async def test_an_unknown_user_is_not_found(self, root: httpx.AsyncClient) -> None:
        path = f"{USERS}/{uuid.UUID(int=1)}"
        assert_problem(await root.get(path), 404, "user_not_found")
        assert_problem(await root.patch(path, json={}), 404, "user_not_found")
        assert_problem(await root.delete(path), 404, "user_not_found")


class TestDelete:
    async def test_tokens_go_with_the_user(
        self, root: httpx.AsyncClient, make: Factory, sign_in: SignIn
    ) -> None:
        alice = await make.user()
        client = await sign_in(alice)
        body(await root.delete(f"{USERS}/{alice.id}"), 204)
        assert_problem(await client.get(f"{USERS}/me"), 401, "invalid_token")


class TestFirstAdministrator:
    async def test_it_logs_in_and_has_a_token(
        self, database: Database, client: httpx.AsyncClient
    ) -> None:
        first = await ensure_administrator(database)
        assert first is not None
        login = {"name": first.name, "password": first.password}
        assert body(await client.post("/api/v1/auth/login", json=login))["is_administrator"]
        header = {"Authorization": f"Bearer {first.token}"}
        client.cookies.clear()
        body(await client.get(USERS, headers=header))

    async def test_there_is_only_one_first(self, database: Database) -> None:
        made = await asyncio.gather(*(ensure_administrator(database) for _ in range(3)))
        assert sum(each is not None for each in made) == 1
        assert await ensure_administrator(database) is None
