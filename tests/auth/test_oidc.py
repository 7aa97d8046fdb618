"""Log-in with an OpenID Connect provider: a real one, in a process of its own."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from sqlalchemy import func, select

from app.auth.attempts import ATTEMPT
from app.auth.models import Identity, User
from app.core.db import Database
from app.settings import OidcProvider, Settings
from tests.auth.provider import CLIENT_ID, CLIENT_SECRET
from tests.auth.test_login import HASH, ME, SAME_SITE, log_in, second_browser
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn
from tests.polling import until_true

pytestmark = pytest.mark.xdist_group("oidc")
OIDC, IDENTITIES = "/api/v1/auth/oidc", "/api/v1/auth/identities"


@dataclass
class Provider:
    """The process, and what the browser of a test does there."""

    url: str

    async def say(self, **how: Any) -> None:
        """What the next log-in is like; nothing: a good one of `subject-1`."""
        async with httpx.AsyncClient() as http:
            body(await http.post(f"{self.url}/next", json=how))

    async def visit(self, url: str) -> str:
        """Log in there; returns where the browser is sent."""
        assert url.startswith(f"{self.url}/authorize?")
        async with httpx.AsyncClient() as http:
            answer = await http.get(url)
        assert answer.status_code == 307, answer.text
        back = urlsplit(answer.headers["location"])
        assert (back.scheme, back.netloc) == ("http", "ansflow.test")
        return f"{back.path}?{back.query}"


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.auth.provider", str(port)]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[2])  # noqa: S603  our own
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


@pytest.fixture
async def provider(process: str) -> Provider:
    async def is_up() -> bool:
        try:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{process}/keys")).status_code == 200
        except httpx.TransportError:
            return False

    await until_true(is_up, within_s=60)
    opened = Provider(process)
    await opened.say()
    return opened


@pytest.fixture
def settings(settings: Settings, process: str) -> Settings:
    made = OidcProvider(issuer=process, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))
    gone = made.model_copy(update={"issuer": "http://127.0.0.1:1"})
    oidc = {
        "company": made,
        "opening": made.model_copy(update={"auto_create": True, "title": "Everybody"}),
        "gone": gone,
    }
    server = settings.server.model_copy(update={"base_url": "http://ansflow.test"})
    return settings.model_copy(update={"oidc": oidc, "server": server})


async def begin(client: httpx.AsyncClient, name: str = "opening", **query: str) -> str:
    answer = await client.get(f"{OIDC}/{name}/login", params=query)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def enter(
    client: httpx.AsyncClient, provider: Provider, name: str = "opening", **query: str
) -> httpx.Response:
    """The whole way: to the provider and back."""
    return await client.get(await provider.visit(await begin(client, name, **query)))


async def count(database: Database, model: type[User | Identity]) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


class TestLogIn:
    async def test_a_new_account_becomes_a_user_and_stays_the_same_one(
        self, client: httpx.AsyncClient, provider: Provider, database: Database
    ) -> None:
        claims = {"preferred_username": "Ada Lovelace", "email": "ada@example.org"}
        await provider.say(claims=claims)
        answer = await enter(client, provider, next="/projects?member=true")
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/projects?member=true"
        assert ATTEMPT not in client.cookies
        me = body(await client.get(ME))
        assert (me["name"], me["email"], me["is_administrator"]) == (
            "Ada-Lovelace",
            "ada@example.org",
            False,
        )
        client.cookies.clear()
        await provider.say(claims={"preferred_username": "renamed", "email": "new@example.org"})
        await enter(client, provider)
        assert body(await client.get(ME))["id"] == me["id"]
        assert (await count(database, User), await count(database, Identity)) == (1, 1)

    async def test_nobody_is_found_by_name_or_address(
        self, client: httpx.AsyncClient, provider: Provider, make: Factory, sign_in: SignIn
    ) -> None:
        ada = await make.user("ada", administrator=True)
        root = await sign_in(ada)
        body(await root.patch(f"/api/v1/users/{ada.id}", json={"email": "ada@example.org"}))
        claims = {
            "preferred_username": "ada",
            "email": "ada@example.org",
            "email_verified": True,
            "sub": "mallory",
        }
        await provider.say(claims=claims)
        await enter(client, provider)
        me = body(await client.get(ME))
        assert me["id"] != str(ada.id)
        assert (me["name"], me["is_administrator"]) == ("ada-2", False)

    async def test_unknown_accounts_are_refused_unless_users_are_made(
        self, client: httpx.AsyncClient, provider: Provider, database: Database
    ) -> None:
        assert_problem(await enter(client, provider, "company"), 403, "identity_unknown")
        assert await count(database, User) == 0
        assert_problem(await client.get(ME), 401, "unauthenticated")

    async def test_a_switched_off_user_is_refused(
        self, client: httpx.AsyncClient, provider: Provider, make: Factory, sign_in: SignIn
    ) -> None:
        await enter(client, provider)
        me = body(await client.get(ME))
        root = await sign_in(await make.user(administrator=True))
        body(await root.patch(f"/api/v1/users/{me['id']}", json={"is_active": False}))
        assert_problem(await client.get(ME), 401, "unauthenticated")
        assert_problem(await enter(client, provider), 403, "identity_unknown")

    @pytest.mark.parametrize(
        ("name", "made"),
        [("", "user"), ("../..", "user"), ("a\x00b", "a-b"), ("\U0001f680", "user"), (5, "user")],
    )
    async def test_any_name_becomes_one_of_ours(
        self, client: httpx.AsyncClient, provider: Provider, name: object, made: str
    ) -> None:
        await provider.say(claims={"preferred_username": name, "email": "no address"})
        await enter(client, provider)
        me = body(await client.get(ME))
        assert (me["name"], me["email"]) == (made, None)

    async def test_providers_are_listed_without_their_secrets(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.get(OIDC)
        assert body(answer)["items"] == [
            {"name": "company", "title": "company"},
            {"name": "gone", "title": "gone"},
            {"name": "opening", "title": "Everybody"},
        ]
        assert CLIENT_SECRET not in answer.text

    async def test_unknown_and_dead_providers(self, client: httpx.AsyncClient) -> None:
        assert_problem(await client.get(f"{OIDC}/none/login"), 404, "provider_not_found")
        assert_problem(await client.get(f"{OIDC}/none/callback"), 404, "provider_not_found")
        assert_problem(await client.get(f"{OIDC}/gone/login"), 503, "provider_failed")

    async def test_a_provider_that_calls_itself_otherwise_is_refused(
        self, client: httpx.AsyncClient, provider: Provider
    ) -> None:
        await provider.say(issuer="https://evil.test")
        assert_problem(await client.get(f"{OIDC}/opening/login"), 503, "provider_failed")

    def test_production_wants_https(self) -> None:
        plain = {"company": {"issuer": "http://id.test", "client_id": "x"}}
        with pytest.raises(ValidationError, match="https"):
            Settings(_env_file=None, oidc=plain, server={"production": True})


class TestIdToken:
    @pytest.mark.parametrize(
        "how",
        [
            {"signed": "by another key"},
            {"signed": "with the client's secret"},
            {"signed": "not at all"},
            {"claims": {"nonce": "of another log-in"}},
            {"claims": {"aud": "another client"}},
            {"claims": {"aud": [CLIENT_ID, "another client"]}},
            {"claims": {"iss": "https://evil.test"}},
            {"claims": {"exp": 1}},
            {"claims": {"sub": ""}},
            {"claims": {"sub": 7}},
            {"claims": {"sub": "x" * 256}},
            {"without": ["nonce"]},
            {"without": ["sub"]},
            {"without": ["exp"]},
        ],
        ids=str,
    )
    async def test_a_bad_one_is_refused(
        self,
        client: httpx.AsyncClient,
        provider: Provider,
        database: Database,
        how: dict[str, Any],
    ) -> None:
        await provider.say(**how)
        assert_problem(await enter(client, provider), 400, "login_refused")
        assert await count(database, User) == 0


class TestAnswer:
    async def test_another_browser_cannot_use_it(
        self, client: httpx.AsyncClient, provider: Provider, application: FastAPI
    ) -> None:
        back = await provider.visit(await begin(client))
        async with second_browser(application) as victim:
            assert_problem(await victim.get(back), 400, "login_refused")
            await begin(victim)
            assert_problem(await victim.get(back), 400, "login_refused")

    async def test_it_counts_once(self, client: httpx.AsyncClient, provider: Provider) -> None:
        location = await begin(client)
        attempt = client.cookies[ATTEMPT]
        back = await provider.visit(location)
        assert (await client.get(back)).status_code == 303
        client.cookies.clear()
        client.cookies.set(ATTEMPT, attempt)
        assert_problem(await client.get(back), 400, "login_refused")

    async def test_the_code_is_bound_to_the_verifier(
        self, client: httpx.AsyncClient, provider: Provider, application: FastAPI
    ) -> None:
        async with second_browser(application) as thief:
            stolen = parse_qs(urlsplit(await provider.visit(await begin(client))).query)["code"][0]
            own = parse_qs(urlsplit(await begin(thief)).query)["state"][0]
            answer = await thief.get(
                f"{OIDC}/opening/callback", params={"code": stolen, "state": own}
            )
            assert_problem(answer, 400, "login_refused")

    async def test_a_refusal_of_the_provider_is_told(
        self, client: httpx.AsyncClient, provider: Provider
    ) -> None:
        state = parse_qs(urlsplit(await begin(client)).query)["state"][0]
        answer = await client.get(
            f"{OIDC}/opening/callback", params={"error": "access_denied", "state": state}
        )
        assert_problem(answer, 400, "login_refused")

    @pytest.mark.parametrize("attempt", ["", "x", "e30=", "bnVsbA==", "\u00e4"])
    async def test_a_broken_attempt_is_refused(
        self, client: httpx.AsyncClient, attempt: str
    ) -> None:
        cookie = f"{ATTEMPT}={attempt}".encode()
        answer = await client.get(
            f"{OIDC}/opening/callback?code=x&state=y", headers=[(b"cookie", cookie)]
        )
        assert_problem(answer, 400, "login_refused")

    async def test_the_session_is_a_new_one(
        self, client: httpx.AsyncClient, provider: Provider
    ) -> None:
        client.cookies.set("ansflow_session", "planted by somebody else")
        answer = await enter(client, provider)
        (made,) = [
            each for each in answer.headers.get_list("set-cookie") if "ansflow_session=" in each
        ]
        assert "planted" not in made
        assert "HttpOnly" in made
        client.cookies.clear()
        client.cookies.set("ansflow_session", "planted by somebody else")
        assert_problem(await client.get(ME), 401, "unauthenticated")

    @pytest.mark.parametrize(
        "next_",
        [
            "https://evil.test",
            "//evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "javascript:alert(1)",
            "/\r\nSet-Cookie: a=b",
            "/\t/evil.test",
            "projects",
            "",
            "/\u2215evil.test",
        ],
    )
    async def test_nobody_is_sent_elsewhere(self, client: httpx.AsyncClient, next_: str) -> None:
        answer = await client.get(f"{OIDC}/opening/login", params={"next": next_})
        assert_problem(answer, 422, "invalid")

    async def test_codes_are_never_sent_where_the_request_says(
        self, client: httpx.AsyncClient, provider: Provider
    ) -> None:
        answer = await client.get(f"{OIDC}/opening/login", headers={"Host": "evil.test"})
        asked = parse_qs(urlsplit(answer.headers["location"]).query)
        assert asked["redirect_uri"] == ["http://ansflow.test/api/v1/auth/oidc/opening/callback"]


class TestLink:
    @pytest.fixture
    async def alice(self, make: Factory, client: httpx.AsyncClient) -> User:
        user = await make.user("alice", password_hash=HASH)
        await log_in(client)
        return user

    async def begin(self, client: httpx.AsyncClient) -> str:
        answer = await client.post(f"{OIDC}/company/link", headers=SAME_SITE)
        url: str = body(answer)["url"]
        return url

    async def test_a_linked_account_logs_in_until_it_is_unlinked(
        self, client: httpx.AsyncClient, provider: Provider, alice: User, application: FastAPI
    ) -> None:
        answer = await client.get(await provider.visit(await self.begin(client)))
        assert answer.status_code == 303, answer.text
        (linked,) = body(await client.get(IDENTITIES))["items"]
        assert (linked["issuer"], linked["subject"]) == (provider.url, "subject-1")
        async with second_browser(application) as browser:
            await enter(browser, provider, "company")
            assert body(await browser.get(ME))["id"] == str(alice.id)
        path = f"{IDENTITIES}/{linked['id']}"
        body(await client.delete(path, headers=SAME_SITE), 204)
        assert_problem(await client.delete(path, headers=SAME_SITE), 404, "identity_not_found")
        async with second_browser(application) as browser:
            assert_problem(await enter(browser, provider, "company"), 403, "identity_unknown")

    @pytest.mark.usefixtures("alice")
    async def test_another_site_does_not_begin_it(
        self, client: httpx.AsyncClient, provider: Provider
    ) -> None:
        answer = await client.post(f"{OIDC}/company/link", headers={"Origin": "https://evil.test"})
        assert_problem(answer, 403, "cross_site_request")

    @pytest.mark.usefixtures("alice")
    async def test_a_planted_attempt_links_nothing(
        self,
        client: httpx.AsyncClient,
        provider: Provider,
        application: FastAPI,
        make: Factory,
        database: Database,
    ) -> None:
        await make.user("mallory", password_hash=HASH)
        async with second_browser(application) as mallory:
            await log_in(mallory, "mallory")
            back = await provider.visit(await self.begin(mallory))
            client.cookies.set(ATTEMPT, mallory.cookies[ATTEMPT])
        assert_problem(await client.get(back), 400, "login_refused")
        assert await count(database, Identity) == 0

    @pytest.mark.usefixtures("alice")
    async def test_one_account_is_one_user(
        self, client: httpx.AsyncClient, provider: Provider, application: FastAPI
    ) -> None:
        async with second_browser(application) as other:
            await enter(other, provider)
        answer = await client.get(await provider.visit(await self.begin(client)))
        assert_problem(answer, 409, "identity_taken")

    async def test_tokens_do_not_link(self, sign_in: SignIn, alice: User) -> None:
        scripted = await sign_in(alice)
        assert_problem(await scripted.post(f"{OIDC}/company/link"), 403, "sessions_only")
