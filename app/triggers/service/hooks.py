"""The webhook of a repository at its forge: `hook.install` and `hook.remove`."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.clock import new_id
from app.core.crypto import CannotDecrypt
from app.core.db import AsyncSession, Database
from app.core.logging import logger
from app.core.sealing import MasterKeys, opened
from app.credentials.errors import CredentialUnreadable
from app.jobs.catalog import InstallHook, RemoveHook
from app.jobs.outbox import enqueue
from app.triggers.errors import RepositoryNotFound
from app.triggers.forges.api import (
    has_api,
    hook_id,
    hook_request,
    hook_rights,
    hooks_request,
    no_hook_request,
)
from app.triggers.models import Forge, HookRemoval, HookState, Repository
from app.triggers.repository.repositories import RepositoryRepository
from app.triggers.service.calling import ForgeRefused, ForgeUnreachable, call
from app.triggers.service.syncing import Surroundings
from app.triggers.service.tokens import login_of

log = logger(__name__)
_NOT_THERE = 404


def webhook_url(server_url: str, repository_id: uuid.UUID) -> str:
    """Where a forge sends the events of a repository."""
    return f"{server_url}/api/v1/hooks/{repository_id}"


def can_make_hook(repository: Repository) -> bool:
    """Whether AnsFlow makes the webhook itself."""
    return repository.credential_id is not None and has_api(repository.forge)


async def order_hook(session: AsyncSession, repository: Repository) -> None:
    """Have the forge given the webhook with the secret of now, when AnsFlow can do that."""
    repository.hook_reason = None
    if not can_make_hook(repository):
        repository.hook_state = HookState.MANUAL
        return
    repository.hook_state = HookState.PENDING
    await enqueue(session, InstallHook(repository_id=repository.id))


async def order_removal(session: AsyncSession, repository: Repository) -> None:
    """Have the webhook that AnsFlow made, or was to make, removed from the forge."""
    if repository.hook_state is HookState.MANUAL or repository.credential_id is None:
        return
    removal = HookRemoval(
        id=new_id(),
        repository_id=repository.id,
        project_id=repository.project_id,
        credential_id=repository.credential_id,
        forge=repository.forge,
        clone_url=repository.clone_url,
        api_url=repository.api_url,
    )
    await RepositoryRepository(session).save(removal, conflict=RepositoryNotFound())
    await enqueue(session, RemoveHook(removal_id=removal.id))


async def install(
    database: Database, keys: MasterKeys, message: InstallHook, *, around: Surroundings
) -> None:
    """Make the webhook, or give the one that the forge has the secret of now.

    Raises: ForgeUnreachable: the message is to be repeated.
    """
    try:
        await _install(database, keys, message, around)
    except (ForgeRefused, CannotDecrypt, CredentialUnreadable) as error:
        await _write(database, message, HookState.FAILED, str(error))
    except ForgeUnreachable as error:
        await _write(database, message, HookState.PENDING, str(error))
        raise


async def _install(
    database: Database, keys: MasterKeys, message: InstallHook, around: Surroundings
) -> None:
    async with database.read() as session:
        repository = await RepositoryRepository(session).get(message.repository_id)
        if repository is None or repository.hook_state is not HookState.PENDING:
            return
        login = await login_of(session, keys, repository)
    if login is None:
        raise ForgeRefused("the credential is gone")
    given = opened(repository, keys.to_read())
    url = webhook_url(around.server_url, repository.id)
    with _rights_told(repository.forge):
        listed = await call(
            hooks_request(repository, login.token), allow_private=around.allow_private
        )
        request = hook_request(
            repository, login.token, url=url, secret=given.decode(), known=hook_id(listed, url)
        )
        await call(request, allow_private=around.allow_private)
    if not await _write(
        database, message, HookState.INSTALLED, None, ciphertext=repository.ciphertext
    ):
        raise ForgeUnreachable("the webhook's secret was changed meanwhile")


async def remove(
    database: Database, keys: MasterKeys, message: RemoveHook, *, around: Surroundings
) -> None:
    """Remove the webhook, unless the forge has it no more.

    Raises: ForgeUnreachable: the message is to be repeated.
    """
    async with database.read() as session:
        removal = await RepositoryRepository(session).removal(message.removal_id)
    if removal is None:
        return
    try:
        await _remove(database, keys, removal, around)
    except (ForgeRefused, CredentialUnreadable) as error:
        # Its calls are refused from now on; only whoever looks at the forge sees them fail.
        log.warning("hook_stays", repository_id=str(removal.repository_id), why=str(error))
    await database.transact(
        lambda session: RepositoryRepository(session).forget_removal(removal.id)
    )


async def _remove(
    database: Database, keys: MasterKeys, removal: HookRemoval, around: Surroundings
) -> None:
    async with database.read() as session:
        login = await login_of(session, keys, removal)
    if login is None:
        return
    with _rights_told(removal.forge):
        listed = await call(hooks_request(removal, login.token), allow_private=around.allow_private)
        known = hook_id(listed, webhook_url(around.server_url, removal.repository_id))
        if known is not None:
            request = no_hook_request(removal, login.token, known=known)
            await call(request, allow_private=around.allow_private)


@contextmanager
def _rights_told(forge: Forge) -> Iterator[None]:
    """A refusal also says what the token lacks, as far as the forge tells it."""
    try:
        yield
    except ForgeRefused as error:
        if error.status not in (401, 403, 404):
            raise
        raise ForgeRefused(f"{error}. {_missing(forge, error)}", status=error.status) from error


def _missing(forge: Forge, error: ForgeRefused) -> str:
    if error.status == 401:
        return "The token is not known there, or has expired"
    known, asked = (
        error.headers.get(name) for name in ("x-oauth-scopes", "x-accepted-github-permissions")
    )
    has = "" if known is None else f"; it has {known or 'no scope'}"
    has += "" if asked is None else f"; the forge asks for {asked}"
    what = "The token needs"
    if error.status == _NOT_THERE:
        what = "The repository is not there, or this token may not see its webhooks. It needs"
    return f"{what} {hook_rights(forge)}{has}"


async def _write(
    database: Database,
    message: InstallHook,
    state: HookState,
    reason: str | None,
    *,
    ciphertext: bytes | None = None,
) -> bool:
    """Write how it stands; False when the secret is not that of `ciphertext` any more."""

    async def write(session: AsyncSession) -> bool:
        repository = await RepositoryRepository(session).get(message.repository_id, lock=True)
        if repository is None or repository.hook_state is not HookState.PENDING:
            return True
        if ciphertext is not None and repository.ciphertext != ciphertext:
            return False
        repository.hook_state = state
        repository.hook_reason = None if reason is None else reason[:2000]
        return True

    return await database.transact(write)
