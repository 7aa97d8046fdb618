"""The API describes itself, without internet."""

import re
from typing import Any

import httpx
import pytest

from tests.fixtures.answers import body


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = body(await client.get("/openapi.json"))
    return found


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_viewer_loads_everything_from_here(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    for link in links:
        assert link.startswith("/"), link
        assert (await client.get(link)).status_code == 200, link
    policy = page.headers["content-security-policy"]
    assert "http" not in policy


async def test_the_root_leads_to_the_documentation(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_errors_are_described_as_problems(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            default = operation["responses"]["default"]["content"]
            assert list(default) == ["application/problem+json"], (method, path)


async def test_every_field_and_parameter_is_explained(document: dict[str, Any]) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if "description" not in described
    ]
    silent += [
        f"{method} {path} {parameter['name']}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if "description" not in parameter and parameter["in"] != "path"
    ]
    assert silent == []


async def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), (method, path)


async def test_metrics_count_requests_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/projects/some-project")
    page = await client.get("/metrics")
    assert page.status_code == 200
    assert 'handler="/api/v1/projects/{project}"' in page.text
    assert "some-project" not in page.text
    assert "ansflow_outbox_lag_seconds" in page.text
