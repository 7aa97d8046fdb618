"""Every list costs the same number of statements, whatever its length, and is in pages."""

import uuid

import httpx
import pytest
from sqlalchemy import insert

from app.administration.models import Worker
from app.core.clock import db_now, new_id
from app.core.db import Database
from app.models import Project, User
from app.projects.models import Role
from tests.fixtures.answers import body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

LISTS = ("users", "auth/tokens", "auth/sessions", "projects/demo/members", "workers")


@pytest.fixture
async def root(make: Factory) -> User:
    return await make.user("root", administrator=True)


@pytest.fixture
async def project(make: Factory, root: User) -> Project:
    return await make.project("demo", members={Role.OWNER: root})


async def fill(make: Factory, database: Database, root: User, project: Project) -> None:
    """One more of everything."""
    await make.token(root)
    await make.session(root)
    await make.member(project, await make.user(), Role.GUEST)
    values = {
        "id": new_id(),
        "name": "worker",
        "host": "host",
        "pid": 1,
        "version": "1",
        "queues": ["high_priority"],
        "labels": [],
        "concurrency": 4,
        "isolation": "own account per job",
        "started_at": db_now(),
        "seen_at": db_now(),
    }
    async with database.session() as session:
        await session.execute(insert(Worker).values(values))


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_is_in_pages_of_constant_cost(
    path: str,
    make: Factory,
    database: Database,
    root: User,
    project: Project,
    sign_in: SignIn,
    queries: Queries,
) -> None:
    client: httpx.AsyncClient = await sign_in(root)
    counts, ids = [], []
    for _ in range(2):
        await fill(make, database, root, project)
        with queries() as seen:
            page = body(await client.get(f"/api/v1/{path}"))
        counts.append(len(seen))
        ids = [each.get("id") or each["user_id"] for each in page["items"]]
        assert page["next"] is None
    assert counts[0] == counts[1] <= 3
    assert len(ids) == len(set(ids)) >= 2
    single = body(await client.get(f"/api/v1/{path}", params={"limit": 1}))
    after = {"limit": 1, "after": single["next"]}
    second = body(await client.get(f"/api/v1/{path}", params=after))
    found = [each.get("id") or each["user_id"] for each in (*single["items"], *second["items"])]
    assert found == ids[:2]


class TestWorkers:
    async def test_states_are_told_apart(
        self,
        make: Factory,
        database: Database,
        root: User,
        project: Project,
        sign_in: SignIn,
    ) -> None:
        await fill(make, database, root, project)
        client = await sign_in(root)
        (online,) = body(await client.get("/api/v1/workers"))["items"]
        assert (online["state"], online["running"]) == ("online", 0)
        async with database.session() as session:
            worker = await session.get_one(Worker, uuid.UUID(online["id"]))
            worker.stopped_at = worker.seen_at
        assert body(await client.get("/api/v1/workers"))["items"] == []
        listed = body(await client.get("/api/v1/workers", params={"stopped": True}))["items"]
        assert [each["state"] for each in listed] == ["stopped"]
