"""One request, one transaction, one connection."""

import ast
import asyncio
import uuid
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.projects.models import Project
from app.settings import Settings
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.factories import SOURCE, Factory, SignIn

PROJECTS = "/api/v1/projects"


@pytest.fixture
async def alice(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("alice"))


class TestCommit:
    async def test_a_failing_commit_is_not_a_success(self, alice: httpx.AsyncClient) -> None:
        def fail(_session: Session) -> None:
            raise RuntimeError("no commit today")

        event.listen(Session, "before_commit", fail)
        try:
            answer = await alice.post(PROJECTS, json={"slug": "demo"})
        finally:
            event.remove(Session, "before_commit", fail)
        assert_problem(answer, 500, "internal_error")
        assert_problem(await alice.get(f"{PROJECTS}/demo"), 404, "project_not_found")

    async def test_an_error_after_a_write_takes_it_back(
        self, make: Factory, alice: httpx.AsyncClient
    ) -> None:
        made = body(await alice.post(PROJECTS, json={"slug": "one"}), 201)
        body(await alice.post(PROJECTS, json={"slug": "two"}), 201)
        change = {"name": "changed", "slug": "two"}
        answer = await alice.patch(f"{PROJECTS}/one", json=change)
        assert_problem(answer, 409, "project_slug_taken")
        row = await make.get(Project, uuid.UUID(made["id"]))
        assert isinstance(row, Project)
        assert row.name == "one"


class TestOneConnection:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        only_one = settings.database.model_copy(update={"pool_size": 1})
        return settings.model_copy(update={"database": only_one})

    async def test_no_request_waits_for_a_second_one(self, alice: httpx.AsyncClient) -> None:
        body(await alice.post(PROJECTS, json={"slug": "demo"}), 201)
        fields = {"slug": "build", "source": SOURCE}
        pipeline = body(await alice.post(f"{PROJECTS}/demo/pipelines", json=fields), 201)
        path = f"/api/v1/pipelines/{pipeline['id']}"
        requests = [
            alice.get(f"{PROJECTS}/demo/members"),
            alice.get(f"{path}/versions/1"),
            alice.patch(path, json={"description": "changed"}),
            alice.post(f"{path}/versions", json={"source": f"{SOURCE}#"}),
            alice.post(f"{path}/executions", json={}),
            alice.get("/api/v1/executions"),
            alice.get("/health/ready"),
        ]
        answers = await asyncio.gather(*requests, *(alice.get(PROJECTS) for _ in range(10)))
        assert [answer.status_code for answer in answers if answer.is_error] == []


def test_transactions_are_committed_in_one_place() -> None:
    root = Path(__file__).parents[2]
    found = {
        str(path.relative_to(root))
        for folder in ("app", "workers")
        for path in (root / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "commit"
        if "session" in ast.unparse(node.value) or "connection" in ast.unparse(node.value)
    }
    assert found == {"app/core/db.py"}
