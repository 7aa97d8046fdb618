"""Credentials: create, change, delete, and resolve for what AnsFlow itself does."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, SecretStr

from app.audit.recording import record_change
from app.core.clock import new_id, utcnow
from app.core.crypto import CannotDecrypt
from app.core.db import AsyncSession, Database, ReadSession
from app.core.sealing import MasterKeys, opened, seal_into
from app.credentials.errors import CredentialNameTaken, CredentialUnreadable
from app.credentials.models import Credential, CredentialKind
from app.credentials.repository.credentials import CredentialRepository
from app.credentials.service.contents import divided
from app.projects.service.access import Access


@dataclass(frozen=True, slots=True)
class ClearCredential:
    """A credential in clear: keep it only as long as it is used, and never write it anywhere.

    `secrets` has `password`, `token`, `private_key` (and `passphrase`) or `kubeconfig`, as the kind
    says.
    """

    kind: CredentialKind
    username: str | None
    secrets: Mapping[str, str] = field(repr=False)


async def resolve_credential(
    session: AsyncSession | ReadSession,
    keys: MasterKeys,
    *,
    project_id: uuid.UUID,
    credential_id: uuid.UUID,
) -> ClearCredential:
    """A credential of a project in clear.

    Raises: CredentialNotFound, CredentialUnreadable.
    """
    row = await CredentialRepository(session).require(project_id, credential_id)
    return _in_clear(row, keys)


async def named_credential(
    database: Database, keys: MasterKeys, *, project_id: uuid.UUID, name: str
) -> ClearCredential | None:
    """The credential of a project that has this name, in clear; None when there is none.

    Raises: CredentialUnreadable, Unavailable.
    """
    async with database.read() as session:
        row = await CredentialRepository(session).get_by_name(project_id, name)
    return None if row is None else _in_clear(row, keys)


def _in_clear(row: Credential, keys: MasterKeys) -> ClearCredential:
    try:
        secrets = json.loads(opened(row, keys.to_read()))
    except CannotDecrypt as error:
        raise CredentialUnreadable(
            f"the credential {row.name!r} cannot be decrypted with the key {row.key_id}: {error}"
        ) from error
    return ClearCredential(row.kind, row.public.get("username"), secrets)


async def create_credential(
    session: AsyncSession,
    keys: MasterKeys,
    *,
    access: Access,
    name: str,
    description: str,
    content: BaseModel,
) -> Credential:
    """A new credential of the project.

    Raises: CredentialNameTaken, UnusableContent, NoMasterKey.
    """
    now = utcnow()
    row = Credential(
        id=new_id(),
        project_id=access.project.id,
        description=description,
        created_at=now,
        updated_at=now,
    )
    _fill(row, content, keys)
    await _save(session, row, name)
    await _record(session, access, row, "create", after=_shown(row))
    return row


async def update_credential(
    session: AsyncSession,
    keys: MasterKeys,
    *,
    access: Access,
    credential_id: uuid.UUID,
    changes: Mapping[str, Any],
) -> Credential:
    """Change a credential; `changes` has the fields that are given.

    Raises: CredentialNotFound, CredentialNameTaken, UnusableContent, NoMasterKey.
    """
    repository = CredentialRepository(session)
    row = await repository.require(access.project.id, credential_id, lock=True)
    before = _shown(row)
    if "content" in changes:
        _fill(row, changes["content"], keys)
        # Another value under the same name is a change, too, though it shows nothing.
        before["value"] = SecretStr("before")
    row.description = changes.get("description", row.description)
    row.updated_at = utcnow()
    await _save(session, row, changes.get("name", row.name))
    await _record(session, access, row, "update", before=before, after=_shown(row))
    return row


async def delete_credential(
    session: AsyncSession, *, access: Access, credential_id: uuid.UUID
) -> None:
    """Delete a credential; what uses it goes on without.

    Raises: CredentialNotFound.
    """
    repository = CredentialRepository(session)
    row = await repository.require(access.project.id, credential_id, lock=True)
    await repository.delete(row)
    await _record(session, access, row, "delete", before=_shown(row))


def _fill(row: Credential, content: BaseModel, keys: MasterKeys) -> None:
    public, secret = divided(content)
    row.kind = CredentialKind(getattr(content, "kind"))  # noqa: B009  each kind of content has it
    row.public = public
    seal_into(row, json.dumps(secret).encode(), keys.to_write())


async def _save(session: AsyncSession, row: Credential, name: str) -> None:
    row.name, row.folded = name, name.casefold()
    taken = CredentialNameTaken(f"there is already a credential {name!r}")
    await CredentialRepository(session).save(row, conflict=taken)


def _shown(row: Credential) -> dict[str, Any]:
    fields = {"name": row.name, "description": row.description, "kind": row.kind}
    return {**fields, **row.public, "value": SecretStr("after")}


async def _record(
    session: AsyncSession,
    access: Access,
    row: Credential,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        access.principal,
        f"credential.{verb}",
        kind="credential",
        target_id=row.id,
        name=row.name,
        project_id=row.project_id,
        before=before,
        after=after,
    )
