"""Credentials: typed, checked, their secret parts never shown."""

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from fastapi import FastAPI
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.auth.models import User
from app.core.clock import new_id
from app.core.db import Database
from app.core.sealing import MasterKeys
from app.credentials.errors import CredentialNotFound, CredentialUnreadable
from app.credentials.keys import keys_of
from app.credentials.models import Credential
from app.credentials.service.credentials import resolve_credential
from app.projects.models import Project, Role
from tests.fixtures.answers import assert_problem, body
from tests.fixtures.application import Queries
from tests.fixtures.factories import Factory, SignIn

CREDENTIALS = "/api/v1/projects/demo/credentials"
PASSWORD = "Tr0ub4dor&3"  # noqa: S105  a value for tests
KUBECONFIG = "clusters: [{name: a, cluster: {server: https://k8s.example}}]\nusers: []\n"


def private_key(passphrase: bytes | None = None) -> str:
    """A new key; its encryption is fast enough for tests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, secret).decode()


KEY = private_key()
SIMPLE: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        {"kind": "username_password", "username": "ada", "password": PASSWORD},
        {"password": PASSWORD},
    ),
    ({"kind": "token", "token": PASSWORD}, {"token": PASSWORD}),
    ({"kind": "token", "username": "oauth2", "token": PASSWORD}, {"token": PASSWORD}),
    ({"kind": "ssh_key", "private_key": KEY}, {"private_key": KEY}),
    ({"kind": "kubeconfig", "kubeconfig": KUBECONFIG}, {"kubeconfig": KUBECONFIG}),
    ({"kind": "vault_password", "password": PASSWORD}, {"password": PASSWORD}),
]


@pytest.fixture
def keys(application: FastAPI) -> MasterKeys:
    return keys_of(application.state.settings)


@pytest.fixture
def ssh_key(tmp_path: Path) -> tuple[str, str, str]:
    """A key as ssh-keygen makes it, its public part, its fingerprint."""
    file = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(command, check=True)  # noqa: S603  our own command
    print_it = ["ssh-keygen", "-l", "-f", str(file)]
    shown = subprocess.run(print_it, check=True, capture_output=True, text=True)  # noqa: S603  our own command
    return file.read_text(), file.with_suffix(".pub").read_text(), shown.stdout.split()[1]


class TestCreate:
    @pytest.mark.parametrize(("content", "secret"), SIMPLE, ids=lambda each: str(each)[:30])
    async def test_each_kind_keeps_its_secret_to_itself(
        self,
        maintainer: httpx.AsyncClient,
        database: Database,
        keys: MasterKeys,
        project: Project,
        content: dict[str, Any],
        secret: dict[str, str],
    ) -> None:
        answer = await maintainer.post(CREDENTIALS, json={"name": "c", "content": content})
        made = body(answer, 201)
        assert made["kind"] == content["kind"]
        default = "git" if content["kind"] == "ssh_key" else None
        assert made["username"] == content.get("username", default)
        read, listed = (
            await maintainer.get(f"{CREDENTIALS}/{made['id']}"),
            await maintainer.get(CREDENTIALS),
        )
        assert body(read) == made
        assert body(listed)["items"] == [made]
        shown = answer.text + read.text + listed.text
        async with database.read() as session:
            (row,) = await session.scalars(select(Credential))
            clear = await resolve_credential(
                session, keys, project_id=project.id, credential_id=row.id
            )
        assert clear.secrets == secret
        assert clear.username == made["username"]
        for value in secret.values():
            assert value not in shown
            assert value[:40] not in shown
            assert value.encode() not in row.ciphertext + row.wrapped_key
            assert value not in repr(clear)

    async def test_an_ssh_key_shows_its_public_part(
        self, maintainer: httpx.AsyncClient, ssh_key: tuple[str, str, str]
    ) -> None:
        private, public, fingerprint = ssh_key
        private = private.replace("\n", "\r\n")
        fields = {"name": "c", "content": {"kind": "ssh_key", "private_key": private}}
        made = body(await maintainer.post(CREDENTIALS, json=fields), 201)
        assert made["fingerprint"] == fingerprint
        assert made["public_key"] == public.strip()

    async def test_an_encrypted_ssh_key_needs_its_passphrase(
        self, maintainer: httpx.AsyncClient
    ) -> None:
        content = {"kind": "ssh_key", "private_key": private_key(b"open")}
        for more, status in (({}, 422), ({"passphrase": "no"}, 422), ({"passphrase": "open"}, 201)):
            fields = {"name": "c", "content": {**content, **more}}
            answer = await maintainer.post(CREDENTIALS, json=fields)
            assert answer.status_code == status, answer.text
            assert "PRIVATE KEY" not in answer.text

    @pytest.mark.parametrize(
        "content",
        [
            {"kind": "ssh_key", "private_key": f"{PASSWORD} is no key"},
            {"kind": "ssh_key", "private_key": KEY[:300]},
            {"kind": "kubeconfig", "kubeconfig": f"{PASSWORD}: ["},
            {"kind": "kubeconfig", "kubeconfig": PASSWORD},
            {"kind": "kubeconfig", "kubeconfig": "[" * 20_000},
            {"kind": "kubeconfig", "kubeconfig": f"password: {PASSWORD}"},
        ],
    )
    async def test_content_is_what_its_kind_says(
        self, maintainer: httpx.AsyncClient, content: dict[str, Any]
    ) -> None:
        answer = await maintainer.post(CREDENTIALS, json={"name": "c", "content": content})
        assert_problem(answer, 422, "unusable_content")
        assert PASSWORD not in answer.text

    @pytest.mark.parametrize(
        "content",
        [
            {"kind": "token"},
            {"kind": "token", "token": ""},
            {"kind": "token", "token": PASSWORD, "password": PASSWORD},
            {"kind": "token", "token": PASSWORD * 5000},
            {"kind": "token", "token": PASSWORD + "\x00"},
            {"kind": "token", "token": [PASSWORD]},
            {"kind": "username_password", "username": "a\nb", "password": PASSWORD},
            {"kind": "username_password", "username": "a:b", "password": PASSWORD},
            {"kind": PASSWORD, "token": PASSWORD},
            {"token": PASSWORD},
            PASSWORD,
        ],
    )
    async def test_a_malformed_one_is_refused_and_not_repeated(
        self, maintainer: httpx.AsyncClient, content: object
    ) -> None:
        answer = await maintainer.post(CREDENTIALS, json={"name": "c", "content": content})
        assert_problem(answer, 422, "invalid")
        if not (isinstance(content, dict) and content.get("kind") == PASSWORD):
            assert PASSWORD not in answer.text

    async def test_names_differ_in_more_than_case(self, maintainer: httpx.AsyncClient) -> None:
        fields = {"name": "Forge", "content": SIMPLE[1][0]}
        body(await maintainer.post(CREDENTIALS, json=fields), 201)
        answer = await maintainer.post(CREDENTIALS, json={**fields, "name": "FORGE"})
        assert_problem(answer, 409, "credential_name_taken")


class TestChange:
    async def test_absent_fields_stay_and_content_is_replaced_whole(
        self,
        maintainer: httpx.AsyncClient,
        database: Database,
        keys: MasterKeys,
        project: Project,
    ) -> None:
        fields = {"name": "c", "description": "d", "content": SIMPLE[0][0]}
        made = body(await maintainer.post(CREDENTIALS, json=fields), 201)
        path = f"{CREDENTIALS}/{made['id']}"
        changed = body(await maintainer.patch(path, json={"name": "new"}))
        assert (changed["name"], changed["description"], changed["username"]) == ("new", "d", "ada")
        content = {"kind": "token", "token": "another"}
        changed = body(await maintainer.patch(path, json={"content": content}))
        assert (changed["name"], changed["kind"], changed["username"]) == ("new", "token", None)
        async with database.read() as session:
            (row,) = await session.scalars(select(Credential))
            clear = await resolve_credential(
                session, keys, project_id=project.id, credential_id=row.id
            )
        assert clear.secrets == {"token": "another"}
        body(await maintainer.delete(path), 204)
        assert_problem(await maintainer.get(path), 404, "credential_not_found")

    async def test_that_of_another_project_is_not_found(
        self, make: Factory, maintainer: httpx.AsyncClient, members: dict[Role, User]
    ) -> None:
        await make.project("other", members={Role.OWNER: members[Role.MAINTAINER]})
        other = "/api/v1/projects/other/credentials"
        fields = {"name": "c", "content": SIMPLE[1][0]}
        made = body(await maintainer.post(other, json=fields), 201)
        path = f"{CREDENTIALS}/{made['id']}"
        for answer in (
            await maintainer.get(path),
            await maintainer.patch(path, json={"name": "mine"}),
            await maintainer.delete(path),
        ):
            assert_problem(answer, 404, "credential_not_found")
        assert body(await maintainer.get(other))["items"] == [made]

    async def test_the_audit_trail_shows_that_it_changed_and_not_how(
        self, maintainer: httpx.AsyncClient, database: Database
    ) -> None:
        fields = {"name": "c", "content": SIMPLE[0][0]}
        made = body(await maintainer.post(CREDENTIALS, json=fields), 201)
        path = f"{CREDENTIALS}/{made['id']}"
        body(await maintainer.patch(path, json={"description": "d"}))
        body(await maintainer.patch(path, json={"content": SIMPLE[0][0]}))
        body(await maintainer.delete(path), 204)
        async with database.read() as session:
            found = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
            entries = [(each.action, each.before, each.after) for each in found]
        assert [each[0] for each in entries] == [
            "credential.create",
            "credential.update",
            "credential.update",
            "credential.delete",
        ]
        assert entries[1][1:] == ({"description": ""}, {"description": "d"})
        assert entries[2][1:] == ({"value": "***"}, {"value": "***"})
        assert PASSWORD not in str(entries)


@pytest.mark.parametrize("role", list(Role))
async def test_maintainers_look_and_change(
    sign_in: SignIn, project: Project, members: dict[Role, User], role: Role
) -> None:
    assert project.slug == "demo"
    client = await sign_in(members[role])
    fields = {"name": "c", "content": SIMPLE[1][0]}
    allowed = role in (Role.OWNER, Role.MAINTAINER)
    assert (await client.get(CREDENTIALS)).status_code == (200 if allowed else 403)
    answer = await client.post(CREDENTIALS, json=fields)
    assert answer.status_code == (201 if allowed else 403)


class TestResolve:
    async def test_without_the_key_it_says_which_one(
        self, maintainer: httpx.AsyncClient, database: Database, project: Project
    ) -> None:
        fields = {"name": "forge", "content": SIMPLE[1][0]}
        made = body(await maintainer.post(CREDENTIALS, json=fields), 201)
        other = MasterKeys("another", [], None)
        async with database.read() as session:
            (row,) = await session.scalars(select(Credential))
            with pytest.raises(CredentialUnreadable, match=rf"'forge'.*{made['key_id']}"):
                await resolve_credential(
                    session, other, project_id=project.id, credential_id=row.id
                )

    async def test_another_project_does_not_get_it(
        self, maintainer: httpx.AsyncClient, database: Database, keys: MasterKeys
    ) -> None:
        fields = {"name": "forge", "content": SIMPLE[1][0]}
        body(await maintainer.post(CREDENTIALS, json=fields), 201)
        async with database.read() as session:
            (row,) = await session.scalars(select(Credential))
            with pytest.raises(CredentialNotFound):
                await resolve_credential(session, keys, project_id=new_id(), credential_id=row.id)


async def test_the_list_is_in_pages_of_constant_cost(
    maintainer: httpx.AsyncClient, queries: Queries
) -> None:
    counts = []
    for number in range(3):
        fields = {"name": f"c{number}", "content": SIMPLE[1][0]}
        body(await maintainer.post(CREDENTIALS, json=fields), 201)
        with queries() as seen:
            page = body(await maintainer.get(CREDENTIALS))
        counts.append(len(seen))
    assert len(set(counts)) == 1
    first = body(await maintainer.get(CREDENTIALS, params={"limit": 2}))
    rest = body(await maintainer.get(CREDENTIALS, params={"limit": 2, "after": first["next"]}))
    assert [*first["items"], *rest["items"]] == page["items"]
