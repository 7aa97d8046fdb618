"""Caches of a project over HTTP."""

import httpx
import pytest

from app.core.clock import new_id
from app.core.db import Database
from tests.artifacts.rows import add_cache
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user(administrator=True))


async def test_they_are_listed_newest_first_by_key_and_ref(
    database: Database, make: Factory, root: httpx.AsyncClient, queries: Queries
) -> None:
    project = await make.project("one")
    for key, scope in (("pip-1", "refs/heads/main"), ("pip-2", "refs/heads/x"), ("Pip-3", "")):
        await add_cache(database, project.id, key, scope=scope)
    await add_cache(database, (await make.project()).id, "of-another")
    url = "/api/v1/projects/one/caches"
    with queries(max=4):
        listed = body(await root.get(url))
    assert [each["key"] for each in listed["items"]] == ["Pip-3", "pip-2", "pip-1"]
    assert listed["items"][2]["ref"] == "refs/heads/main"
    found = body(await root.get(url, params={"key": "pip-"}))
    assert [each["key"] for each in found["items"]] == ["pip-2", "pip-1"]
    found = body(await root.get(url, params={"ref": "refs/heads/x"}))
    assert [each["key"] for each in found["items"]] == ["pip-2"]


async def test_one_is_deleted(database: Database, make: Factory, root: httpx.AsyncClient) -> None:
    project = await make.project("one")
    cache = await add_cache(database, project.id)
    other = await add_cache(database, (await make.project()).id)
    url = "/api/v1/projects/one/caches"
    for unknown in (new_id(), other.id):
        assert_problem(await root.delete(f"{url}/{unknown}"), 404, "cache_not_found")
    assert (await root.delete(f"{url}/{cache.id}")).status_code == 204
    assert body(await root.get(url))["items"] == []
