"""Repositories: create, change, delete, and the secrets of their webhooks."""

import ipaddress
import uuid
from typing import Any
from urllib.parse import urlsplit

from app.audit.recording import fields_of, record_change
from app.core.addresses import is_public
from app.core.clock import new_id, utcnow
from app.core.crypto import new_token
from app.core.db import AsyncSession
from app.core.sealing import MasterKeys, seal_into
from app.projects.service.access import Access
from app.triggers.errors import AddressNotAllowed, CredentialNotUsable, RepositoryNameTaken
from app.triggers.models import HookState, Repository
from app.triggers.repository.repositories import RepositoryRepository
from app.triggers.service.hooks import order_hook, order_removal
from app.triggers.service.tokens import USABLE

FIELDS = (
    "name",
    "clone_url",
    "api_url",
    "default_branch",
    "credential_id",
    "folder",
    "fork_policy",
)
"""What may be changed, and what the audit trail keeps."""
_OF_HOOK = ("clone_url", "api_url", "credential_id")
"""Where the webhook is, and who makes it."""


async def create_repository(
    session: AsyncSession,
    keys: MasterKeys,
    *,
    access: Access,
    fields: dict[str, Any],
    allow_private: bool,
) -> tuple[Repository, str]:
    """A new repository and the secret of its webhook, which is made at the forge if we can.

    Raises: RepositoryNameTaken, CredentialNotUsable, AddressNotAllowed, NoMasterKey.
    """
    now, secret = utcnow(), new_token(prefix="")
    repository = Repository(
        id=new_id(),
        project_id=access.project.id,
        hook_state=HookState.MANUAL,
        created_at=now,
        **{**fields, "updated_at": now},
    )
    seal_into(repository, secret.encode(), keys.to_write())
    await order_hook(session, repository)
    await _save(session, repository, allow_private=allow_private)
    after = fields_of(repository, *FIELDS, "forge")
    await _record(session, access, repository, "create", after=after)
    return repository, secret


async def update_repository(
    session: AsyncSession,
    *,
    access: Access,
    repository_id: uuid.UUID,
    changes: dict[str, Any],
    allow_private: bool,
) -> Repository:
    """Change fields of a repository. With another credential or address, the webhook is made anew.

    Raises: RepositoryNotFound, RepositoryNameTaken, CredentialNotUsable, AddressNotAllowed.
    """
    repository = await _locked(session, access, repository_id)
    before = fields_of(repository, *FIELDS)
    if changes.get("clone_url", repository.clone_url) != repository.clone_url:
        await order_removal(session, repository)
    for field, value in changes.items():
        setattr(repository, field, value)
    repository.updated_at = utcnow()
    after = fields_of(repository, *FIELDS)
    if any(before[field] != after[field] for field in _OF_HOOK):
        await order_hook(session, repository)
    await _save(session, repository, allow_private=allow_private)
    await _record(session, access, repository, "update", before=before, after=after)
    return repository


async def rotate_secret(
    session: AsyncSession, keys: MasterKeys, *, access: Access, repository_id: uuid.UUID
) -> tuple[Repository, str]:
    """A new secret for the webhook, which the forge is given if we can; the old one is refused
    from now on.

    Raises: RepositoryNotFound, NoMasterKey.
    """
    repository = await _locked(session, access, repository_id)
    secret = new_token(prefix="")
    seal_into(repository, secret.encode(), keys.to_write())
    repository.updated_at = utcnow()
    await order_hook(session, repository)
    await _save(session, repository, allow_private=True)
    await _record(session, access, repository, "rotate")
    return repository, secret


async def delete_repository(
    session: AsyncSession, *, access: Access, repository_id: uuid.UUID
) -> None:
    """Delete a repository with its deliveries and its webhook at the forge; its pipelines stay.

    Raises: RepositoryNotFound.
    """
    repository = await _locked(session, access, repository_id)
    before = fields_of(repository, *FIELDS)
    await order_removal(session, repository)
    await RepositoryRepository(session).delete(repository)
    await _record(session, access, repository, "delete", before=before)


async def _locked(session: AsyncSession, access: Access, repository_id: uuid.UUID) -> Repository:
    repositories = RepositoryRepository(session)
    return await repositories.require(access.project.id, repository_id, lock=True)


async def _save(session: AsyncSession, repository: Repository, *, allow_private: bool) -> None:
    repositories = RepositoryRepository(session)
    for url in (repository.clone_url, repository.api_url):
        if url is not None and not allow_private:
            _refuse_private(url)
    if repository.credential_id is not None:
        credential = await repositories.credential(repository.project_id, repository.credential_id)
        if credential is None or credential.kind not in USABLE:
            raise CredentialNotUsable(
                "`credential_id` must be a token, or user and password, of this project"
            )
    taken = RepositoryNameTaken(f"the project already has a repository {repository.name!r}")
    await repositories.save(repository, conflict=taken)


def _refuse_private(url: str) -> None:
    """What is plainly wrong is told at once; names are looked up whenever they are called."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        raise AddressNotAllowed(
            f"{parts.scheme}:// is not allowed here: use https://, or have an administrator set"
            " ANSFLOW_SECURITY__ALLOW_PRIVATE_ADDRESSES=true"
        )
    try:
        private = not is_public(ipaddress.ip_address(host))
    except ValueError:
        private = host == "localhost" or host.endswith(".localhost")
    if private:
        raise AddressNotAllowed(
            f"{host} is not a public address: an administrator can set"
            " ANSFLOW_SECURITY__ALLOW_PRIVATE_ADDRESSES=true"
        )


async def _record(
    session: AsyncSession,
    access: Access,
    repository: Repository,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        access.principal,
        f"repository.{verb}",
        kind="repository",
        target_id=repository.id,
        name=repository.name,
        project_id=repository.project_id,
        before=before,
        after=after,
    )
