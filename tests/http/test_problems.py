"""Every error of the API is a problem document (RFC 9457)."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from app.core.db import Database
from tests.fixtures.answers import assert_problem


async def test_an_unknown_path_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/api/v1/nothing"), 404, "not_found")


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/auth/login")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert "allowed are: POST" in answer.json()["detail"]


async def test_a_wrong_method_names_those_of_all_routes_of_the_address(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.delete("/api/v1/projects")
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_bad_json_says_what_and_where(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/auth/login", content=b"{x", headers={"Content-Type": "application/json"}
    )
    [error] = assert_problem(answer, 422, "invalid")["errors"]
    assert error["message"].startswith("not valid JSON: Expecting property name")
    assert error["message"].endswith("(at character 1)")


@pytest.mark.parametrize("content", [b"", b"name=x", b"[]"], ids=["empty", "form", "list"])
async def test_what_is_no_object_of_json_says_how_to_send_one(
    client: httpx.AsyncClient, content: bytes
) -> None:
    answer = await client.post("/api/v1/auth/login", content=content)
    [error] = assert_problem(answer, 422, "invalid")["errors"]
    assert (
        error["message"] == "expected a JSON object, with the header Content-Type: application/json"
    )


async def test_everything_wrong_is_named_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/auth/login", json={"nmae": "x"})
    problem = assert_problem(answer, 422, "invalid")
    places = {tuple(each["location"]) for each in problem["errors"]}
    assert places == {("body", "name"), ("body", "password"), ("body", "nmae")}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"name": "\\ud800", "password": "x"}'],
    ids=["empty", "cut", "not utf-8", "list", "null", "deep", "surrogate"],
)
async def test_a_malformed_body_is_refused(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post(
        "/api/v1/auth/login", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "after=nonsense", "member=perhaps"]
)
async def test_a_malformed_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    problem = assert_problem(await client.get(f"/api/v1/projects?{query}"), 422, "invalid")
    assert problem["errors"][0]["location"] == ["query", query.split("=")[0]]


async def test_without_the_database_the_answer_says_when_to_come_back(
    client: httpx.AsyncClient, application: FastAPI
) -> None:
    own = application.state.runtime.database
    application.state.runtime.database = away = Database("mysql+asyncmy://x@127.0.0.1:1/x")
    answer = await client.get("/api/v1/projects")
    application.state.runtime.database = own
    await away.close()
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_deadlock_is_answered_with_try_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deadlock(*_: object, **__: object) -> None:
        raise OperationalError("UPDATE", {}, Exception(1213, "Deadlock found"))

    monkeypatch.setattr("app.projects.repository.ProjectRepository.list", deadlock)
    answer = await client.get("/api/v1/projects")
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
