"""Secrets: written once, never read through the API, encrypted in the database."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core.crypto import CannotDecrypt
from app.core.db import Database
from app.core.sealing import opened
from app.credentials.keys import keys_of
from app.credentials.models import Secret
from app.settings import Settings
from tests.fixtures.answers import assert_problem, body

PROJECT = "/api/v1/projects/demo"
SECRETS = f"{PROJECT}/secrets"
VALUE = "Tr0ub4dor&3 ünï 🚀"


@pytest.fixture(params=["project", "environment"])
async def path(request: pytest.FixtureRequest, maintainer: httpx.AsyncClient) -> str:
    """Where the secrets are: in the project, then in one of its environments."""
    if request.param == "project":
        return SECRETS
    made = body(await maintainer.post(f"{PROJECT}/environments", json={"name": "e"}), 201)
    return f"{PROJECT}/environments/{made['id']}/secrets"


async def rows(database: Database) -> list[Secret]:
    async with database.read() as session:
        return list(await session.scalars(select(Secret).order_by(Secret.id)))


async def test_no_answer_has_the_value(maintainer: httpx.AsyncClient, path: str) -> None:
    answers = [
        await maintainer.put(f"{path}/token", json={"value": VALUE}),
        await maintainer.get(f"{path}/TOKEN"),
        await maintainer.get(path),
        await maintainer.put(f"{path}/token", json={"value": VALUE, "more": VALUE}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422]
    for answer in answers:
        assert "Tr0ub" not in answer.text
    assert body(answers[2])["items"] == [body(answers[1])]
    body(await maintainer.delete(f"{path}/Token"), 204)
    assert_problem(await maintainer.get(f"{path}/token"), 404, "secret_not_found")
    assert body(await maintainer.get(path))["items"] == []


async def test_it_is_encrypted_and_bound_to_its_row(
    maintainer: httpx.AsyncClient, database: Database, application: FastAPI, path: str
) -> None:
    body(await maintainer.put(f"{path}/A", json={"value": VALUE}))
    body(await maintainer.put(f"{path}/B", json={"value": VALUE}))
    keyring = keys_of(application.state.settings).to_read()
    first, second = await rows(database)
    assert first.ciphertext != second.ciphertext
    for row in (first, second):
        assert b"Tr0ub" not in row.ciphertext + row.wrapped_key
        assert opened(row, keyring).decode() == VALUE
    second.wrapped_key, second.ciphertext = first.wrapped_key, first.ciphertext
    with pytest.raises(CannotDecrypt):
        opened(second, keyring)


async def test_another_value_replaces_the_first(
    maintainer: httpx.AsyncClient, database: Database, application: FastAPI
) -> None:
    for value in ("first", "second"):
        body(await maintainer.put(f"{SECRETS}/A", json={"value": value}))
    (row,) = await rows(database)
    assert opened(row, keys_of(application.state.settings).to_read()) == b"second"


async def test_an_empty_one_is_refused(maintainer: httpx.AsyncClient) -> None:
    answer = await maintainer.put(f"{SECRETS}/A", json={"value": ""})
    assert_problem(answer, 422, "invalid")


async def test_the_audit_trail_does_not_have_the_value(
    maintainer: httpx.AsyncClient, database: Database
) -> None:
    for value in (VALUE, VALUE):
        body(await maintainer.put(f"{SECRETS}/A", json={"value": value}))
    body(await maintainer.delete(f"{SECRETS}/A"), 204)
    async with database.read() as session:
        found = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        entries = [(each.action, each.before, each.after) for each in found]
    assert entries == [
        ("secret.create", None, {"value": "***"}),
        ("secret.update", {"value": "***"}, {"value": "***"}),
        ("secret.delete", {"value": "***"}, None),
    ]


class TestDistributed:
    """Where several hosts must have the same key, none is made up."""

    @pytest.fixture
    def distributed(self, application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = Settings.model_validate(
            {
                "database": {"url": "mysql+asyncmy://nobody@nowhere/nothing"},
                "redis": {"url": "redis://nowhere"},
                "rabbitmq": {"url": "amqp://nowhere"},
            }
        )
        monkeypatch.setattr(application.state.runtime, "settings", settings)

    @pytest.mark.usefixtures("distributed")
    async def test_without_a_key_nothing_is_stored(
        self, maintainer: httpx.AsyncClient, database: Database
    ) -> None:
        answer = await maintainer.put(f"{SECRETS}/A", json={"value": VALUE})
        problem = assert_problem(answer, 503, "no_master_key")
        assert "ANSFLOW_SECURITY__SECRET_KEY" in problem["detail"]
        assert await rows(database) == []

    def test_in_production_it_does_not_start(self) -> None:
        values = {
            "server": {"production": True},
            "database": {"url": "mysql+asyncmy://nobody@nowhere/nothing"},
            "redis": {"url": "redis://nowhere"},
            "rabbitmq": {"url": "amqp://nowhere"},
        }
        for security in ({}, {"secret_key": ""}):
            with pytest.raises(ValueError, match="ANSFLOW_SECURITY__SECRET_KEY"):
                Settings.model_validate({**values, "security": security})
        Settings.model_validate({**values, "security": {"secret_key": "x"}})
