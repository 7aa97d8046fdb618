"""What attackers try with log-ins, names and bodies; other attacks are tested where they aim."""

from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from tests.auth.test_login import HASH, LOGIN, ME, SAME_SITE, log_in
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import Factory, SignIn

ROCKETS = "\U0001f680" * 50


class TestLogIn:
    async def test_an_unknown_user_costs_as_much_as_a_known_one(
        self, client: httpx.AsyncClient, make: Factory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make.user("alice", password_hash=HASH)
        await make.user("robot")
        await make.user("gone", password_hash=HASH, active=False)
        hashed = []
        verify = PasswordHasher.verify

        def counted(self: PasswordHasher, hash: str, password: str) -> bool:
            hashed.append(hash)
            return verify(self, hash, password)

        monkeypatch.setattr(PasswordHasher, "verify", counted)
        answers = []
        for number, name in enumerate(("alice", "nobody", "robot", "gone"), 1):
            answers.append(await client.post(LOGIN, json={"name": name, "password": "wrong"}))
            assert len(hashed) == number, name
        assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}

    async def test_a_session_that_was_planted_is_never_taken_over(
        self, client: httpx.AsyncClient, make: Factory
    ) -> None:
        await make.user("alice", password_hash=HASH)
        planted = "planted-by-somebody-else"
        client.cookies.set("ansflow_session", planted)
        made = (await log_in(client)).cookies["ansflow_session"]
        assert made != planted
        client.cookies.clear()
        client.cookies.set("ansflow_session", planted)
        assert_problem(await client.get(ME), 401, "unauthenticated")

    async def test_each_log_in_has_a_secret_of_its_own(
        self, client: httpx.AsyncClient, make: Factory
    ) -> None:
        await make.user("alice", password_hash=HASH)
        secrets = {(await log_in(client)).cookies["ansflow_session"] for _ in range(2)}
        assert len(secrets) == 2

    async def test_headers_of_a_request_do_not_get_into_those_of_the_answer(
        self, client: httpx.AsyncClient, make: Factory
    ) -> None:
        await make.user("alice", password_hash=HASH)
        await log_in(client)
        agent = b"evil\tagent \xff" + b"x" * 5000
        answer = await client.post(
            LOGIN,
            json={"name": "alice", "password": "correct horse battery"},
            headers=[
                (b"user-agent", agent),
                (b"x-request-id", b"a b;\xffSet-Cookie: a=b"),
                (b"sec-fetch-site", b"same-origin"),
            ],
        )
        body(answer)
        assert "a=b" not in str(answer.headers)
        listed = body(await client.get("/api/v1/auth/sessions"))["items"]
        assert len(listed[0]["user_agent"]) <= 300


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["\u0430dmin", "admin\u200b", "ADM\u0130N", "\uff41dmin", "a\x00", ROCKETS, "a" * 101],
    )
    async def test_nobody_looks_like_somebody_else(
        self, make: Factory, sign_in: SignIn, name: str
    ) -> None:
        root = await sign_in(await make.user("admin", administrator=True))
        assert_problem(await root.post("/api/v1/users", json={"name": name}), 422, "invalid")

    @pytest.mark.parametrize(
        "name", [ROCKETS, "\u202egnp.exe", "'; DROP TABLE users; --", "<script>alert(1)</script>"]
    )
    async def test_titles_come_back_as_they_were_given(
        self, make: Factory, sign_in: SignIn, name: str
    ) -> None:
        client = await sign_in(await make.user())
        given = {"slug": "demo", "name": name, "description": name}
        made = body(await client.post("/api/v1/projects", json=given), 201)
        read = body(await client.get("/api/v1/projects/demo"))
        assert (made["name"], read["name"], read["description"]) == (name, name, name)

    @pytest.mark.parametrize("name", ["nobody\U0001f680", "a%00b", "%ff", "..%2f..", "x" * 100])
    async def test_odd_names_in_addresses_are_not_found(
        self, make: Factory, sign_in: SignIn, name: str
    ) -> None:
        client = await sign_in(await make.user(administrator=True))
        await make.project("demo")
        for path in (f"projects/{name}", f"teams/{name}", f"projects/demo/members/{name}"):
            answer = await client.request(
                "DELETE" if "members" in path else "GET", f"/api/v1/{path}"
            )
            assert answer.status_code in (404, 422), (path, answer.text)


class TestMassAssignment:
    async def test_no_body_takes_fields_that_it_does_not_name(self, application: FastAPI) -> None:
        document = application.openapi()
        wrong = []
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                wrong += [
                    f"{method} {path}: {name}"
                    for name in bodies(operation)
                    if document["components"]["schemas"][name].get("additionalProperties", True)
                ]
        assert wrong == []

    @pytest.mark.parametrize(
        "more",
        [
            {"is_administrator": True},
            {"is_active": True},
            {"project_id": None},
            {"project_role": "owner"},
            {"password_hash": "x"},
            {"id": "01890a5d-ac96-774b-bcce-b302099a8057"},
            {"created_at": "2020-01-01T00:00:00Z"},
        ],
        ids=str,
    )
    async def test_nobody_raises_themselves(
        self, client: httpx.AsyncClient, make: Factory, more: dict[str, Any]
    ) -> None:
        await make.user("alice", password_hash=HASH)
        await log_in(client)
        given = {"email": "a@example.org"} | more
        assert_problem(await client.patch(ME, json=given, headers=SAME_SITE), 422, "invalid")
        assert body(await client.get(ME))["email"] is None


def bodies(operation: dict[str, Any]) -> list[str]:
    """The names of the schemas of an operation's JSON body."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    parts = [schema, *schema.get("anyOf", [])]
    return [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]
