"""API tokens: what they prove, what they may, when they end."""

import uuid
from datetime import timedelta

import httpx
import pytest

from app.auth.models import ApiToken
from app.core.clock import utcnow
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

TOKENS = "/api/v1/auth/tokens"
ME = "/api/v1/users/me"


class TestAuthentication:
    async def test_a_token_proves_who_calls(self, make: Factory, sign_in: SignIn) -> None:
        alice = await make.user("Alice")
        assert body(await (await sign_in(alice)).get(ME))["name"] == "Alice"

    async def test_nobody_is_refused_and_told_how(self, client: httpx.AsyncClient) -> None:
        answer = await client.get(ME)
        assert_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("token", ["ansflow_unknown", "x", "ansflow_"])
    async def test_an_unknown_token_is_refused(self, client: httpx.AsyncClient, token: str) -> None:
        answer = await client.get("/api/v1/projects", headers={"Authorization": f"Bearer {token}"})
        assert_problem(answer, 401, "invalid_token")

    async def test_an_expired_token_is_refused(
        self, make: Factory, client: httpx.AsyncClient
    ) -> None:
        alice = await make.user()
        token = await make.token(alice, expires_at=utcnow() - timedelta(seconds=1))
        answer = await client.get(ME, headers={"Authorization": f"Bearer {token}"})
        assert_problem(answer, 401, "invalid_token")

    async def test_a_switched_off_user_is_refused(self, make: Factory, sign_in: SignIn) -> None:
        gone = await make.user(active=False)
        assert_problem(await (await sign_in(gone)).get(ME), 401, "invalid_token")

    async def test_a_token_wins_over_a_cookie(self, make: Factory, sign_in: SignIn) -> None:
        alice = await sign_in(await make.user("alice"))
        alice.cookies.set("ansflow_session", "nonsense")
        assert body(await alice.get(ME))["name"] == "alice"

    async def test_it_costs_one_query(
        self, make: Factory, sign_in: SignIn, queries: Queries
    ) -> None:
        alice = await sign_in(await make.user())
        with queries(max=2):  # the token with its user, and the user again as the answer
            body(await alice.get(ME))


class TestScopes:
    async def test_read_does_not_write(self, make: Factory, sign_in: SignIn) -> None:
        reader = await sign_in(await make.user(), "read")
        body(await reader.get("/api/v1/projects"))
        answer = await reader.post("/api/v1/projects", json={"slug": "demo"})
        assert_problem(answer, 403, "insufficient_scope")

    async def test_write_does_not_read(self, make: Factory, sign_in: SignIn) -> None:
        writer = await sign_in(await make.user(), "write")
        assert_problem(await writer.get("/api/v1/projects"), 403, "insufficient_scope")

    async def test_without_admin_an_administrator_is_a_user(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        root = await make.user(administrator=True)
        limited = await sign_in(root, "read", "write")
        assert_problem(await limited.get("/api/v1/users"), 403, "administrator_only")
        body(await (await sign_in(root)).get("/api/v1/users"))

    async def test_without_admin_no_credentials_are_made(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        limited = await sign_in(await make.user(), "read", "write")
        answer = await limited.post(TOKENS, json={"name": "more", "scopes": ["read"]})
        assert_problem(answer, 403, "insufficient_scope")


class TestCreate:
    async def test_the_secret_is_shown_once_and_works(
        self, make: Factory, sign_in: SignIn, client: httpx.AsyncClient
    ) -> None:
        alice = await sign_in(await make.user("alice"))
        made = body(await alice.post(TOKENS, json={"name": "ci", "scopes": ["read"]}), 201)
        header = {"Authorization": f"Bearer {made['token']}"}
        assert body(await client.get(ME, headers=header))["name"] == "alice"
        listed = body(await alice.get(TOKENS))["items"]
        assert {"name": "ci", "scopes": ["read"]}.items() <= listed[0].items()
        assert made["token"] not in str(listed)
        row = await make.get(ApiToken, uuid.UUID(made["id"]))
        assert row is not None
        assert made["token"] not in str(vars(row))

    async def test_it_is_never_worth_more_than_its_maker(
        self, make: Factory, sign_in: SignIn
    ) -> None:
        limited = await sign_in(await make.user(), "write", "admin")
        answer = await limited.post(TOKENS, json={"name": "more", "scopes": ["read", "write"]})
        assert_problem(answer, 403, "token_exceeds_caller")

    @pytest.mark.parametrize("later_s", [None, 7200])
    async def test_it_never_outlives_its_maker(
        self, make: Factory, client: httpx.AsyncClient, later_s: float | None
    ) -> None:
        ends = utcnow() + timedelta(hours=1)
        token = await make.token(await make.user(), expires_at=ends)
        later = None if later_s is None else (utcnow() + timedelta(seconds=later_s)).isoformat()
        answer = await client.post(
            TOKENS,
            json={"name": "longer", "scopes": ["read"], "expires_at": later},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert_problem(answer, 403, "token_exceeds_caller")

    async def test_an_expiry_in_the_past_is_refused(self, make: Factory, sign_in: SignIn) -> None:
        alice = await sign_in(await make.user())
        past = (utcnow() - timedelta(days=1)).isoformat()
        given = {"name": "late", "scopes": ["read"], "expires_at": past}
        assert_problem(await alice.post(TOKENS, json=given), 422, "expiry_is_past")

    @pytest.mark.parametrize(
        "given",
        [
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["root"]},
            {"name": "", "scopes": ["read"]},
            {"name": "x", "scopes": ["read"], "user_id": "someone"},
            {"name": "x", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00"},
        ],
    )
    async def test_malformed_input_is_refused(
        self, make: Factory, sign_in: SignIn, given: dict[str, object]
    ) -> None:
        alice = await sign_in(await make.user())
        problem = assert_problem(await alice.post(TOKENS, json=given), 422, "invalid")
        assert problem["errors"]


class TestRevoke:
    async def test_it_stops_working_at_once(
        self, make: Factory, sign_in: SignIn, client: httpx.AsyncClient
    ) -> None:
        alice = await sign_in(await make.user())
        made = body(await alice.post(TOKENS, json={"name": "ci", "scopes": ["read"]}), 201)
        body(await alice.delete(f"{TOKENS}/{made['id']}"), 204)
        header = {"Authorization": f"Bearer {made['token']}"}
        assert_problem(await client.get(ME, headers=header), 401, "invalid_token")

    async def test_tokens_of_others_do_not_exist(self, make: Factory, sign_in: SignIn) -> None:
        alice, bob = await sign_in(await make.user()), await sign_in(await make.user())
        made = body(await alice.post(TOKENS, json={"name": "ci", "scopes": ["read"]}), 201)
        assert_problem(await bob.delete(f"{TOKENS}/{made['id']}"), 404, "token_not_found")
        mine = body(await bob.get(TOKENS))["items"]
        assert made["id"] not in [token["id"] for token in mine]
