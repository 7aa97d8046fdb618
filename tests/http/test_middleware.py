"""What every request passes: ids, headers, limits, entity tags, the last place for errors."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.core.middleware_etag import matches
from tests.fixtures.answers import assert_problem, body
from tests.http.content import Content

PROJECTS = "/api/v1/projects"


class TestRequestId:
    async def test_each_answer_has_its_own(self, client: httpx.AsyncClient) -> None:
        ids = {(await client.get("/nothing")).headers["x-request-id"] for _ in range(3)}
        assert len(ids) == 3

    async def test_that_of_a_proxy_is_kept(self, client: httpx.AsyncClient) -> None:
        answer = await client.get(PROJECTS, headers={"X-Request-ID": "from-proxy.1"})
        assert answer.headers["x-request-id"] == "from-proxy.1"

    @pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\tb", 'a"b'])
    async def test_a_bad_one_is_replaced(self, client: httpx.AsyncClient, given: str) -> None:
        answer = await client.get(PROJECTS, headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] != given


class TestHeaders:
    @pytest.mark.parametrize("path", [PROJECTS, "/nothing", "/docs", "/metrics"])
    async def test_browsers_are_told_to_be_careful(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]

    async def test_answers_are_not_kept_by_shared_caches(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(PROJECTS)).headers["cache-control"] == "private, no-cache"


class TestBodyLimit:
    async def test_a_body_that_says_it_is_too_large_is_refused(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.post(PROJECTS, content=b"x" * (16 * 1024 * 1024 + 1))
        assert_problem(answer, 413, "payload_too_large")
        assert answer.headers["x-request-id"]

    async def test_a_body_without_a_length_is_counted(self, client: httpx.AsyncClient) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b"x" * 1024 * 1024

        answer = await client.post(PROJECTS, content=parts())
        assert_problem(answer, 413, "payload_too_large")

    async def test_a_body_in_parts_below_the_limit_is_read(self, client: httpx.AsyncClient) -> None:
        async def parts() -> AsyncIterator[bytes]:
            yield b'{"name": "nobody", '
            yield b'"password": "wrong"}'

        answer = await client.post(
            "/api/v1/auth/login", content=parts(), headers={"Content-Type": "application/json"}
        )
        assert_problem(answer, 401, "bad_credentials")


class TestEntityTags:
    async def test_a_known_body_is_not_sent_again(self, client: httpx.AsyncClient) -> None:
        first = await client.get(PROJECTS)
        again = await client.get(PROJECTS, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert "content-length" not in again.headers

    async def test_another_body_has_another_tag(self, client: httpx.AsyncClient) -> None:
        stale = await client.get(PROJECTS, headers={"If-None-Match": '"other"'})
        assert body(stale)["items"] == []

    async def test_errors_have_none(self, client: httpx.AsyncClient) -> None:
        assert "etag" not in (await client.get("/api/v1/users/me")).headers

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ('"a"', True),
            ('W/"a"', True),
            ('"b", "a"', True),
            ("*", True),
            ('"b"', False),
            ("", False),
            ("a", False),
        ],
    )
    def test_tags_compare_weakly(self, sent: str, expected: bool) -> None:
        assert matches(sent, '"a"') is expected


class TestHead:
    async def test_it_is_the_start_of_a_get(self, client: httpx.AsyncClient) -> None:
        got = await client.get(PROJECTS)
        head = await client.head(PROJECTS)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "etag", "cache-control"):
            assert head.headers[name] == got.headers[name]

    async def test_a_known_body_is_known(self, client: httpx.AsyncClient) -> None:
        etag = (await client.head(PROJECTS)).headers["etag"]
        again = await client.head(PROJECTS, headers={"If-None-Match": etag})
        assert again.status_code == 304

    async def test_an_error_has_no_body_either(self, client: httpx.AsyncClient) -> None:
        head = await client.head("/api/v1/users/me")
        assert (head.status_code, head.content) == (401, b"")

    def test_of_a_stream_it_ends(self, content: Content) -> None:
        address = f"/executions/{content.values['guest']['execution_id']}/logs/stream"
        head = content.root.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
        assert content.root.get("/users/me").status_code == 200


class TestErrorBoundary:
    async def test_a_defect_is_a_500_problem_that_tells_nothing(
        self, application: FastAPI, client: httpx.AsyncClient
    ) -> None:
        # The database is the first thing that an endpoint asks for.
        application.state.runtime.database = None
        answer = await client.get(PROJECTS)
        problem = assert_problem(answer, 500, "internal_error")
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert "NoneType" not in answer.text
