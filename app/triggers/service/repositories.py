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
from app.jobs.catalog import InstallHook
from app.jobs.outbox import enqueue
from app.projects.service.access import Access
from app.triggers.errors import AddressNotAllowed, CredentialNotUsable, RepositoryNameTaken
from app.triggers.forges.api import has_api
from app.triggers.models import HookState, Repository
from app.triggers.repository.repositories import RepositoryRepository
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
    if repository.credential_id is not None and has_api(repository.forge):
        repository.hook_state = HookState.PENDING
    seal_into(repository, secret.encode(), keys.to_write())
    await _save(session, repository, allow_private=allow_private)
    if repository.hook_state is HookState.PENDING:
        await enqueue(session, InstallHook(repository_id=repository.id))
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
    """Change fields of a repository.

    Raises: RepositoryNotFound, RepositoryNameTaken, CredentialNotUsable, AddressNotAllowed.
    """
    repository = await _locked(session, access, repository_id)
    before = fields_of(repository, *FIELDS)
    for field, value in changes.items():
        setattr(repository, field, value)
    repository.updated_at = utcnow()
    await _save(session, repository, allow_private=allow_private)
    await _record(
        session, access, repository, "update", before=before, after=fields_of(repository, *FIELDS)
    )
    return repository


async def rotate_secret(
    session: AsyncSession, keys: MasterKeys, *, access: Access, repository_id: uuid.UUID
) -> tuple[Repository, str]:
    """A new secret for the webhook; the old one is refused from now on.

    Raises: RepositoryNotFound, NoMasterKey.
    """
    repository = await _locked(session, access, repository_id)
    secret = new_token(prefix="")
    seal_into(repository, secret.encode(), keys.to_write())
    repository.updated_at = utcnow()
    # Whoever made the webhook has to give it the new secret.
    repository.hook_state, repository.hook_reason = HookState.MANUAL, None
    await _save(session, repository, allow_private=True)
    await _record(session, access, repository, "rotate")
    return repository, secret


async def delete_repository(
    session: AsyncSession, *, access: Access, repository_id: uuid.UUID
) -> None:
    """Delete a repository with its deliveries; its pipelines stay.

    Raises: RepositoryNotFound.
    """
    repository = await _locked(session, access, repository_id)
    before = fields_of(repository, *FIELDS)
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
        raise AddressNotAllowed(f"{parts.scheme}:// is not allowed here: use https://")
    try:
        private = not is_public(ipaddress.ip_address(host))
    except ValueError:
        private = host == "localhost" or host.endswith(".localhost")
    if private:
        raise AddressNotAllowed(f"{host} is not a public address")


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
