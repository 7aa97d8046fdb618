"""Channels, rules and deliveries over the API: what is secret goes in and never comes out."""

import json
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.clock import new_id
from app.models import NotificationChannel, Project, User
from app.projects.models import Role
from app.settings import Settings, SmtpSettings
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn
from tests.notifications.servers import HttpServer, SmtpServer

CHANNELS = "/api/v1/projects/demo/channels"
RULES = "/api/v1/projects/demo/notification-rules"
URL = "https://hooks.example.com/very-secret-path"
HOOK = {"name": "Chat", "kind": "slack", "url": URL, "secret": "signing-key-1"}
MAIL = {"name": "Mail", "kind": "email", "recipients": ["team@example.com"]}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a master key, and this host may be called."""
    security = {"secret_key": SecretStr("k" * 40), "allow_private_addresses": True}
    return settings.model_copy(update={"security": settings.security.model_copy(update=security)})


@pytest.fixture
async def mia(make: Factory) -> User:
    return await make.user("mia")


@pytest.fixture
async def project(make: Factory, mia: User) -> Project:
    return await make.project("demo", members={Role.MAINTAINER: mia})


@pytest.fixture
async def client(project: Project, mia: User, sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in(mia)


async def channel(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = body(await client.post(CHANNELS, json=HOOK | changes), 201)
    return made


async def rule(client: httpx.AsyncClient, channel_id: str, **changes: Any) -> dict[str, Any]:
    fields = {"channel_id": channel_id, "events": ["failed", "fixed"], **changes}
    made: dict[str, Any] = body(await client.post(RULES, json=fields), 201)
    return made


class TestChannels:
    async def test_what_is_secret_never_comes_out(
        self, client: httpx.AsyncClient, make: Factory, sign_in: SignIn
    ) -> None:
        made = await channel(client)
        assert (made["host"], made["has_secret"], made["recipients"]) == (
            "hooks.example.com",
            True,
            [],
        )
        path = f"{CHANNELS}/{made['id']}"
        changed = await client.patch(path, json={"url": f"{URL}-2", "secret": "signing-key-2"})
        body(changed)
        root = await sign_in(await make.user(administrator=True))
        answers = [await client.get(path), await client.get(CHANNELS), changed]
        answers.append(await root.get("/api/v1/audit"))
        for answer in answers:
            assert "very-secret" not in answer.text
            assert "signing-key" not in answer.text
        entries = body(answers[-1])["items"]
        assert [entry["action"] for entry in entries] == ["channel.update", "channel.create"]
        assert entries[1]["after"]["url"] == "***"
        row = await make.get(NotificationChannel, uuid.UUID(made["id"]))
        assert isinstance(row, NotificationChannel)
        assert b"very-secret" not in row.ciphertext
        assert "very-secret" not in json.dumps(row.public)

    async def test_absent_fields_stay(self, client: httpx.AsyncClient) -> None:
        made = await channel(client)
        path = f"{CHANNELS}/{made['id']}"
        changed = body(await client.patch(path, json={"name": "Other", "is_enabled": False}))
        assert changed["host"] == "hooks.example.com"
        assert (changed["name"], changed["is_enabled"], changed["has_secret"]) == (
            "Other",
            False,
            True,
        )
        assert body(await client.patch(path, json={"secret": None}))["has_secret"] is False

    async def test_names_are_unique_in_any_case(self, client: httpx.AsyncClient) -> None:
        await channel(client)
        answer = await client.post(CHANNELS, json=MAIL | {"name": "CHAT"})
        assert_problem(answer, 409, "channel_name_taken")

    @pytest.mark.parametrize(
        "fields",
        [
            HOOK | {"url": None},
            HOOK | {"url": "ftp://example.com/x"},
            HOOK | {"url": "https://"},
            HOOK | {"url": "https://user:word@example.com/"},
            HOOK | {"recipients": ["a@b.example"]},
            HOOK | {"secret": ""},
            MAIL | {"recipients": []},
            MAIL | {"recipients": None},
            MAIL | {"recipients": ["a@b.example\r\nBcc: c@d.example"]},
            MAIL | {"recipients": ["no address"]},
            MAIL | {"recipients": ["a@b.example, c@d.example"]},
            MAIL | {"url": URL},
            MAIL | {"kind": "fax"},
            MAIL | {"name": "a\u0000b"},
            MAIL | {"project_id": str(new_id())},
        ],
    )
    async def test_bad_channels_are_refused(
        self, client: httpx.AsyncClient, fields: dict[str, Any]
    ) -> None:
        assert (await client.post(CHANNELS, json=fields)).status_code == 422

    async def test_a_channel_of_e_mail_gets_no_url_later(self, client: httpx.AsyncClient) -> None:
        made = body(await client.post(CHANNELS, json=MAIL), 201)
        answer = await client.patch(f"{CHANNELS}/{made['id']}", json={"url": URL})
        assert_problem(answer, 422, "channel_incomplete")

    async def test_a_channel_of_another_project_is_not_found(
        self, client: httpx.AsyncClient, make: Factory, mia: User
    ) -> None:
        made = await channel(client)
        await make.project("other", members={Role.OWNER: mia})
        path = f"/api/v1/projects/other/channels/{made['id']}"
        for answer in (
            await client.get(path),
            await client.patch(path, json={"name": "x"}),
            await client.post(f"{path}/test"),
            await client.delete(path),
        ):
            assert_problem(answer, 404, "channel_not_found")

    async def test_developers_look_and_do_not_touch(
        self, client: httpx.AsyncClient, project: Project, make: Factory, sign_in: SignIn
    ) -> None:
        made = await channel(client)
        dora = await make.user()
        await make.member(project, dora, Role.DEVELOPER)
        developer = await sign_in(dora)
        body(await developer.get(CHANNELS))
        path = f"{CHANNELS}/{made['id']}"
        assert_problem(await developer.post(f"{path}/test"), 403, "role_too_low")
        assert_problem(await developer.delete(path), 403, "role_too_low")
        stranger = await sign_in(await make.user())
        assert_problem(await stranger.post(f"{path}/test"), 404, "project_not_found")


class TestButton:
    async def test_a_webhook_is_really_called(
        self, client: httpx.AsyncClient, web: HttpServer
    ) -> None:
        made = await channel(client, kind="webhook", url=f"{web.url}/hook")
        answer = body(await client.post(f"{CHANNELS}/{made['id']}/test"))
        assert answer == {"ok": True, "status": 200, "detail": "answered 200"}
        (got,) = web.requests
        assert got.headers["x-ansflow-event"] == "test"
        assert got.headers["x-ansflow-signature-256"].startswith("sha256=")

    async def test_a_failure_is_an_answer(self, client: httpx.AsyncClient, web: HttpServer) -> None:
        web.status = 500
        made = await channel(client, kind="webhook", url=web.url)
        answer = body(await client.post(f"{CHANNELS}/{made['id']}/test"))
        assert answer == {"ok": False, "status": 500, "detail": "answered 500"}

    async def test_e_mail_is_really_sent(
        self, client: httpx.AsyncClient, smtp: SmtpServer, application: FastAPI
    ) -> None:
        server = SmtpSettings(host="127.0.0.1", port=smtp.port, encryption="none")
        application.state.runtime.settings = application.state.runtime.settings.model_copy(
            update={"smtp": server}
        )
        made = body(await client.post(CHANNELS, json=MAIL), 201)
        answer = body(await client.post(f"{CHANNELS}/{made['id']}/test"))
        assert answer["ok"], answer
        assert smtp.mails[0].recipients == ["team@example.com"]

    async def test_a_private_address_is_refused(
        self, client: httpx.AsyncClient, web: HttpServer, application: FastAPI
    ) -> None:
        settings = application.state.runtime.settings
        strict = settings.security.model_copy(update={"allow_private_addresses": False})
        application.state.runtime.settings = settings.model_copy(update={"security": strict})
        made = await channel(client, kind="webhook", url=web.url)
        answer = body(await client.post(f"{CHANNELS}/{made['id']}/test"))
        assert (answer["ok"], "not public" in answer["detail"]) == (False, True)
        assert not web.requests


class TestRules:
    async def test_a_rule_is_made_changed_and_deleted(
        self, client: httpx.AsyncClient, make: Factory, project: Project
    ) -> None:
        pipeline = await make.pipeline(project)
        made = await rule(
            client, (await channel(client))["id"], pipeline_id=str(pipeline.id), branches=["main"]
        )
        assert (made["events"], made["branches"]) == (["failed", "fixed"], ["main"])
        path = f"{RULES}/{made['id']}"
        changed = body(await client.patch(path, json={"events": ["succeeded"]}))
        assert changed["events"] == ["succeeded"]
        assert changed["pipeline_id"] == str(pipeline.id)
        assert body(await client.patch(path, json={"pipeline_id": None}))["pipeline_id"] is None
        assert body(await client.get(path))["id"] == made["id"]
        assert (await client.delete(path)).status_code == 204
        assert_problem(await client.get(path), 404, "notification_rule_not_found")

    async def test_it_names_only_what_the_project_has(
        self, client: httpx.AsyncClient, make: Factory
    ) -> None:
        own = (await channel(client))["id"]
        foreign = await make.pipeline(await make.project())
        for fields in ({"channel_id": str(new_id())}, {"pipeline_id": str(foreign.id)}):
            given = {"channel_id": own, "events": ["failed"], **fields}
            answer = await client.post(RULES, json=given)
            assert_problem(answer, 422, "rule_names_unknown")

    @pytest.mark.parametrize(
        "fields",
        [
            {"events": []},
            {"events": ["exploded"]},
            {"branches": ["[z-a"]},
            {"long_running_minutes": 0},
            {"long_running_minutes": 10**20},
        ],
    )
    async def test_bad_rules_are_refused(
        self, client: httpx.AsyncClient, fields: dict[str, Any]
    ) -> None:
        given = {"channel_id": str(new_id()), "events": ["failed"], **fields}
        assert (await client.post(RULES, json=given)).status_code == 422

    async def test_a_project_has_so_many_channels_and_rules_and_no_more(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.notifications.service.channels.MAX_CHANNELS", 1)
        monkeypatch.setattr("app.notifications.service.rules.MAX_RULES", 1)
        own = await channel(client)
        answer = await client.post(CHANNELS, json=HOOK | {"name": "Another"})
        assert_problem(answer, 409, "too_many_channels")
        await rule(client, own["id"])
        given = {"channel_id": own["id"], "events": ["failed"]}
        assert_problem(await client.post(RULES, json=given), 409, "too_many_channels")
        assert len(body(await client.get(CHANNELS))["items"]) == 1
        assert len(body(await client.get(RULES))["items"]) == 1

    async def test_a_rule_of_another_project_is_not_found(
        self, client: httpx.AsyncClient, make: Factory, mia: User
    ) -> None:
        made = await rule(client, (await channel(client))["id"])
        await make.project("other", members={Role.MAINTAINER: mia})
        path = f"/api/v1/projects/other/notification-rules/{made['id']}"
        for answer in (
            await client.get(path),
            await client.patch(path, json={"events": ["fixed"]}),
            await client.delete(path),
        ):
            assert_problem(answer, 404, "notification_rule_not_found")
        assert body(await client.get(f"{RULES}/{made['id']}"))["events"] == ["failed", "fixed"]

    async def test_the_engine_tells_only_of_projects_with_a_rule(
        self, client: httpx.AsyncClient, make: Factory, project: Project
    ) -> None:
        async def notifies() -> bool:
            row = await make.get(Project, project.id)
            assert isinstance(row, Project)
            return row.notifies

        made = await channel(client)
        assert await notifies() is False
        first = await rule(client, made["id"])
        assert await notifies() is True
        assert (await client.delete(f"{RULES}/{first['id']}")).status_code == 204
        assert await notifies() is False
        await rule(client, made["id"])
        assert (await client.delete(f"{CHANNELS}/{made['id']}")).status_code == 204
        assert await notifies() is False


@pytest.mark.parametrize("path", [CHANNELS, RULES])
async def test_lists_are_in_pages_of_constant_cost(
    client: httpx.AsyncClient, queries: Queries, path: str
) -> None:
    counts: list[int] = []
    for number in range(2):
        made = await channel(client, name=f"c{number}")
        await rule(client, made["id"])
        with queries() as seen:
            page = body(await client.get(path))
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 3
    first = body(await client.get(path, params={"limit": 1}))
    rest = body(await client.get(path, params={"limit": 1, "after": first["next"]}))
    assert [first["items"][0]["id"], rest["items"][0]["id"]] == [
        each["id"] for each in page["items"]
    ]
