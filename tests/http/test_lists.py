"""Every list costs the same number of statements, whatever its length, and is in keyset pages."""

import json
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.administration.models import Worker
from app.core.clock import db_now
from app.core.db import Database
from app.models import Project, User
from app.projects.models import Role
from tests.fixtures.answers import body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.http.lists import FILLED, PREFIX, is_paged, lists, make_place, rows_of
from tests.http.rows import Rows

FEW, MANY = 3, 14
PART = 5
MOST = 4
"""Statements of a page: who asks, whether it may, up to two reads."""
MORE = {
    "/queue": 9,
    "/executions/{execution_id}/tests": 9,
}
"""Lists that also tell what each item waits for, or how it ended in earlier executions."""


def test_all_lists_in_pages_are_walked() -> None:
    paged = {path for path, operation, _ in lists() if is_paged(operation)}
    assert paged == {PREFIX + route for route in FILLED}


@pytest.fixture
async def root(make: Factory) -> User:
    return await make.user("root", administrator=True)


@pytest.fixture
async def project(make: Factory, root: User) -> Project:
    return await make.project("demo", members={Role.OWNER: root})


@pytest.mark.parametrize("route", FILLED)
async def test_a_list_is_in_pages_of_constant_cost(
    route: str,
    application: FastAPI,
    database: Database,
    root: User,
    project: Project,
    sign_in: SignIn,
    queries: Queries,
) -> None:
    # As if everything were written a moment ago: nothing comes from the cache.
    application.state.runtime.cache.tags.is_dirty = lambda _tags: True
    client = await sign_in(root)
    async with database.session() as session:
        place = await make_place(session, root.id, project.id)
    path = place.path(route)
    before = len(body(await client.get(path))["items"])
    costs, items, made = [], [], 0
    for wanted in (FEW, MANY):
        async with database.session() as session:
            rows = rows_of(session, project.id)
            while made < wanted:
                made += 1
                await FILLED[route](place, rows, made)
        with queries() as seen:
            page = body(await client.get(path))
        costs.append(seen)
        items = [json.dumps(each) for each in page["items"]]
        assert page["next"] is None
        assert len(items) == len(set(items)) == before + wanted
    few, many = costs
    assert len(few) == len(many) <= MORE.get(route, MOST), "\n".join(many)
    assert await walked(client, path) == items


async def walked(client: httpx.AsyncClient, path: str) -> list[str]:
    """The items of a list, read in parts."""
    items: list[str] = []
    after: dict[str, Any] = {}
    while True:
        page = body(await client.get(path, params={"limit": PART, **after}))
        items += [json.dumps(each) for each in page["items"]]
        if page["next"] is None:
            return items
        assert len(page["items"]) == PART
        after = {"after": page["next"]}


class TestWorkers:
    async def test_states_are_told_apart(
        self,
        database: Database,
        root: User,
        sign_in: SignIn,
    ) -> None:
        async with database.session() as session:
            await Rows(session, {}).add(Worker, seen_at=db_now())
        client = await sign_in(root)
        (online,) = body(await client.get("/api/v1/workers"))["items"]
        assert (online["state"], online["running"]) == ("online", 0)
        async with database.session() as session:
            worker = await session.get_one(Worker, uuid.UUID(online["id"]))
            worker.stopped_at = worker.seen_at
        assert body(await client.get("/api/v1/workers"))["items"] == []
        listed = body(await client.get("/api/v1/workers", params={"stopped": True}))["items"]
        assert [each["state"] for each in listed] == ["stopped"]
