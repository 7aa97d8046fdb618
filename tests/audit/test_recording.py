"""An entry says who, what, from where, and never a secret."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.audit.recording import record_change
from app.audit.redaction import MAX_TEXT, differences
from app.auth.principals import SYSTEM, Principal
from app.core.clock import new_id
from app.core.db import Database

ADA = Principal(user_id=new_id(), name="ada", how="token", credential_id=new_id())


class Colour(StrEnum):
    RED = "red"


class Model(BaseModel):
    key: str
    password: str


class TestDifferences:
    def test_only_fields_that_changed_are_kept(self) -> None:
        old = {"name": "a", "same": 1, "gone": True}
        assert differences(old, {"name": "b", "same": 1, "new": None}) == (
            {"name": "a", "gone": True},
            {"name": "b", "new": None},
        )

    def test_one_side_is_kept_whole(self) -> None:
        assert differences(None, {"a": 1}) == (None, {"a": 1})
        assert differences({"a": 1}, None) == ({"a": 1}, None)

    @pytest.mark.parametrize(
        "name",
        [
            "password",
            "password_hash",
            "new_password",
            "secret",
            "client_secret",
            "token",
            "private_key",
            "apiKey",
            "Authorization",
            "digest",
            "kubeconfig",
        ],
    )
    def test_a_secret_shows_that_it_changed_and_nothing_else(self, name: str) -> None:
        assert differences({name: "old"}, {name: "new"}) == ({name: "***"}, {name: "***"})

    def test_an_unchanged_secret_is_left_out(self) -> None:
        assert differences({"token": "x"}, {"token": "x"}) == ({}, {})

    @pytest.mark.parametrize("value", [SecretStr("hidden"), b"hidden", bytearray(b"hidden")])
    def test_types_of_secrets_are_redacted_whatever_their_name(self, value: object) -> None:
        _, after = differences(None, {"value": value, "inner": [{"x": value}, value]})
        assert after == {"value": "***", "inner": [{"x": "***"}, "***"]}

    def test_secrets_inside_are_redacted(self) -> None:
        value = {"headers": {"Authorization": "Bearer x", "Accept": "*/*"}}
        _, after = differences(None, {"config": value, "model": Model(key="k", password="p")})  # noqa: S106  to be redacted
        assert after == {
            "config": {"headers": {"Authorization": "***", "Accept": "*/*"}},
            "model": {"key": "k", "password": "***"},
        }

    def test_whether_there_is_a_secret_is_none(self) -> None:
        fields = {"password": None, "has_password": True, "token_id": "7", "token_days": 30}
        assert differences(None, fields) == (None, fields)

    def test_values_become_json(self) -> None:
        some, moment = new_id(), datetime(2026, 1, 2, tzinfo=UTC)
        _, after = differences(
            None, {"id": some, "at": moment, "colour": Colour.RED, "set": {"b", "a"}, "t": (1, 2)}
        )
        assert after == {
            "id": str(some),
            "at": "2026-01-02T00:00:00+00:00",
            "colour": "red",
            "set": ["a", "b"],
            "t": [1, 2],
        }

    def test_long_texts_are_cut(self) -> None:
        _, after = differences(None, {"text": "x" * (MAX_TEXT + 5)})
        assert after == {"text": "x" * MAX_TEXT + "…"}


async def entries(database: Database) -> Sequence[AuditEntry]:
    async with database.read() as session:
        return (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()


async def record(database: Database, principal: Principal, **fields: Any) -> AuditEntry:
    given: dict[str, Any] = {"kind": "thing", "target_id": None, "name": "x", **fields}
    async with database.session() as session:
        await record_change(session, principal, "thing.change", **given)
    return (await entries(database))[-1]


class TestRecordChange:
    async def test_who_did_it_to_what_is_kept(self, database: Database) -> None:
        target, project = new_id(), new_id()
        entry = await record(
            database, ADA, target_id=target, name="n" * 300, project_id=project, after={"a": "🎉"}
        )
        assert (entry.user_id, entry.user_name) == (ADA.user_id, "ada")
        assert (entry.credential, entry.credential_id) == ("token", ADA.credential_id)
        assert entry.scopes == ["read"]
        assert (entry.action, entry.kind) == ("thing.change", "thing")
        assert (entry.target_id, entry.project_id) == (target, project)
        assert entry.name == "n" * 255
        assert (entry.before, entry.after) == (None, {"a": "🎉"})
        assert (entry.address, entry.request_id) == ("", "")

    async def test_the_server_itself_has_a_name_and_no_id(self, database: Database) -> None:
        entry = await record(database, SYSTEM)
        assert (entry.user_id, entry.user_name) == (None, "system")

    async def test_an_entry_is_gone_with_its_transaction(self, database: Database) -> None:
        class Stop(Exception):
            pass

        async def fails() -> None:
            async with database.session() as session:
                await record_change(
                    session, ADA, "thing.change", kind="thing", target_id=uuid.UUID(int=1), name="x"
                )
                raise Stop

        with pytest.raises(Stop):
            await fails()
        assert not await entries(database)
