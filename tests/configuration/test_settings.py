"""Global settings: administrators change them, what reads them obeys."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.configuration.registry import GlobalSettings
from app.configuration.schemas import SettingsUpdate
from app.configuration.service import global_settings
from app.core.clock import utcnow
from app.core.db import Database
from app.models import ChangedSetting
from app.settings import ArtifactSettings, Settings
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

URL = "/api/v1/settings"


@pytest.fixture
async def root(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("root", administrator=True))


@pytest.fixture
async def ada(make: Factory, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(await make.user("ada"))


async def change(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """The settings after a change, by name."""
    answer = body(await client.patch(URL, json=changes))
    return {each["name"]: each for each in answer["items"]}


def test_what_can_be_read_can_be_changed() -> None:
    assert set(SettingsUpdate.model_fields) == set(GlobalSettings.model_fields)
    assert all(field.description for field in GlobalSettings.model_fields.values())


class TestChanging:
    async def test_a_change_shows_who_made_it_and_null_takes_it_back(
        self, root: httpx.AsyncClient
    ) -> None:
        found = await change(root, cache_unused_days=3)
        assert found["cache_unused_days"]["value"] == 3
        assert found["cache_unused_days"]["default"] == 7
        assert found["cache_unused_days"]["changed_by"] == "root"
        assert found["token_longest_days"]["changed_by"] is None
        assert (await change(root, cache_unused_days=4))["cache_unused_days"]["value"] == 4
        found = await change(root, cache_unused_days=None)
        assert found["cache_unused_days"]["value"] == 7
        assert found["cache_unused_days"]["changed_at"] is None

    async def test_it_leaves_one_audit_entry_with_both_values(
        self, root: httpx.AsyncClient, database: Database
    ) -> None:
        await change(root, cache_unused_days=3)
        async with database.read() as session:
            (entry,) = await session.scalars(
                select(AuditEntry).where(AuditEntry.action == "settings.update")
            )
        assert entry.user_name == "root"
        assert (entry.before, entry.after) == ({"cache_unused_days": 7}, {"cache_unused_days": 3})

    @pytest.mark.parametrize(
        "changes",
        [
            {"cache_unused_days": 0},
            {"cache_unused_days": "many"},
            {"project_creators": "dogs"},
            {"artifact_execution_bytes": 2**60},
            {"no_such_setting": 1},
        ],
    )
    async def test_nonsense_is_refused_whole(
        self, root: httpx.AsyncClient, changes: dict[str, Any]
    ) -> None:
        answer = await root.patch(URL, json={"token_longest_days": 5} | changes)
        assert answer.status_code == 422
        items = body(await root.get(URL))["items"]
        assert [each["name"] for each in items if each["changed_by"]] == []

    async def test_users_neither_see_nor_change_them(self, ada: httpx.AsyncClient) -> None:
        assert_problem(await ada.get(URL), 403, "administrator_only")
        assert_problem(await ada.patch(URL, json={}), 403, "administrator_only")


class TestReading:
    async def test_it_costs_no_query_until_something_changes(
        self,
        application: FastAPI,
        settings: Settings,
        root: httpx.AsyncClient,
        queries: Queries,
    ) -> None:
        own: Database = application.state.runtime.database
        await global_settings(own, settings)
        with queries(max=0):
            assert (await global_settings(own, settings)).cache_unused_days == 7
        await change(root, cache_unused_days=3)
        assert (await global_settings(own, settings)).cache_unused_days == 3

    async def test_the_deployment_gives_the_defaults_of_limits(
        self, database: Database, settings: Settings
    ) -> None:
        settings.artifacts = ArtifactSettings(retention_days=12)
        assert (await global_settings(database, settings)).artifact_retention_days == 12

    async def test_rows_that_this_version_does_not_understand_change_nothing(
        self, database: Database, settings: Settings
    ) -> None:
        async with database.session() as session:
            for name, value in (("of_another_version", 1), ("cache_unused_days", "many")):
                row = ChangedSetting(name=name, value=value, changed_by="x", changed_at=utcnow())
                session.add(row)
        assert (await global_settings(database, settings)).cache_unused_days == 7


class TestReaders:
    async def test_projects_are_made_by_administrators_only(
        self, root: httpx.AsyncClient, ada: httpx.AsyncClient
    ) -> None:
        await change(root, project_creators="administrators")
        refused = await ada.post("/api/v1/projects", json={"slug": "mine"})
        assert_problem(refused, 403, "creation_is_for_administrators")
        body(await root.post("/api/v1/projects", json={"slug": "ours"}), 201)
        await change(root, project_creators=None)
        body(await ada.post("/api/v1/projects", json={"slug": "mine"}), 201)

    async def test_new_projects_have_the_chosen_visibility_unless_they_say_otherwise(
        self, root: httpx.AsyncClient, ada: httpx.AsyncClient
    ) -> None:
        await change(root, project_visibility="internal")
        made = body(await ada.post("/api/v1/projects", json={"slug": "one"}), 201)
        assert made["visibility"] == "internal"
        asked = {"slug": "two", "visibility": "private"}
        made = body(await ada.post("/api/v1/projects", json=asked), 201)
        assert made["visibility"] == "private"

    async def test_tokens_live_no_longer_than_allowed(
        self, root: httpx.AsyncClient, ada: httpx.AsyncClient
    ) -> None:
        await change(root, token_longest_days=10)
        asked: dict[str, Any] = {"name": "t", "scopes": ["read"]}
        made = body(await ada.post("/api/v1/auth/tokens", json=asked), 201)
        assert made["expires_at"] is not None
        later = (utcnow() + timedelta(days=11)).isoformat()
        refused = await ada.post("/api/v1/auth/tokens", json=asked | {"expires_at": later})
        assert_problem(refused, 422, "token_lives_too_long")
        sooner = (utcnow() + timedelta(days=9)).isoformat()
        body(await ada.post("/api/v1/auth/tokens", json=asked | {"expires_at": sooner}), 201)
