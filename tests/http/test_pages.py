"""Every list of the API is in keyset pages, but for those whose length people do not decide."""

from collections.abc import Iterator
from typing import Any

from app.main import create_app
from app.settings import Settings

WHOLE = {
    "/api/v1/settings/api-endpoints/": "the routes of this version",
    "/api/v1/auth/oidc": "providers of the configuration",
    "/api/v1/periodic-work": "the catalogue in the code",
    "/api/v1/queues": "priorities, and sets of labels that workers and jobs have",
    "/api/v1/queues/{queue}/dead-letters": "the broker has no keys: at most `limit` are shown",
    "/api/v1/settings": "the registry in the code",
}
"""Lists without pages, each with what bounds it."""


def _lists() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Path, operation and schema of each GET that answers items."""
    document = create_app(Settings(_env_file=None)).openapi()
    for path, methods in document["paths"].items():
        operation = methods.get("get", {})
        content = operation.get("responses", {}).get("200", {}).get("content", {})
        reference = content.get("application/json", {}).get("schema", {}).get("$ref")
        if reference is None:
            continue
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        if schema.get("properties", {}).get("items", {}).get("type") == "array":
            yield path, operation, schema


def test_every_list_is_in_pages_of_at_most_100() -> None:
    unpaged = set()
    for path, operation, schema in _lists():
        parameters = {each["name"]: each["schema"] for each in operation.get("parameters", ())}
        if {"after", "limit"} <= parameters.keys():
            assert "next" in schema["properties"], path
            assert parameters["limit"]["maximum"] <= 100, path
        else:
            unpaged.add(path)
    assert unpaged == WHOLE.keys()


def test_there_are_lists() -> None:
    assert len(list(_lists())) > 30
