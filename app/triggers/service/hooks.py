"""Makes the webhook of a repository at its forge: `hook.install`."""

import uuid
from dataclasses import dataclass

from app.core.crypto import CannotDecrypt
from app.core.db import AsyncSession, Database
from app.core.sealing import MasterKeys, opened
from app.credentials.errors import CredentialUnreadable
from app.jobs.catalog import InstallHook
from app.triggers.forges.api import ApiRequest, has_hook, hooks_request, new_hook_request
from app.triggers.models import HookState
from app.triggers.repository.repositories import RepositoryRepository
from app.triggers.service.calling import ForgeRefused, ForgeUnreachable, call
from app.triggers.service.syncing import Surroundings
from app.triggers.service.tokens import login_of


def webhook_url(server_url: str, repository_id: uuid.UUID) -> str:
    """Where a forge sends the events of a repository."""
    return f"{server_url}/api/v1/hooks/{repository_id}"


async def install(
    database: Database, keys: MasterKeys, message: InstallHook, *, around: Surroundings
) -> None:
    """Make the webhook, unless the forge has it already.

    Raises: ForgeUnreachable: the message is to be repeated.
    """
    try:
        wanted = await _wanted(database, keys, message, around)
        if wanted is None:
            return
        known = await call(wanted.listing, allow_private=around.allow_private)
        if not has_hook(known, wanted.url):
            await call(wanted.making, allow_private=around.allow_private)
    except (ForgeRefused, CannotDecrypt, CredentialUnreadable) as error:
        await _write(database, message, HookState.FAILED, str(error))
    except ForgeUnreachable as error:
        await _write(database, message, HookState.PENDING, str(error))
        raise
    else:
        await _write(database, message, HookState.INSTALLED, None)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A webhook that is to be made: its address, and how to list those there are and make it."""

    url: str
    listing: ApiRequest
    making: ApiRequest


async def _wanted(
    database: Database, keys: MasterKeys, message: InstallHook, around: Surroundings
) -> _Wanted | None:
    """None when there is nothing to do.

    Raises: CannotDecrypt, CredentialUnreadable, ForgeRefused: there is no credential any more.
    """
    async with database.read() as session:
        repository = await RepositoryRepository(session).get(message.repository_id)
        if repository is None or repository.hook_state is not HookState.PENDING:
            return None
        login = await login_of(session, keys, repository)
    if login is None:
        raise ForgeRefused("the credential is gone")
    secret = opened(repository, keys.to_read()).decode()
    url = webhook_url(around.server_url, repository.id)
    return _Wanted(
        url,
        hooks_request(repository, login.token),
        new_hook_request(repository, login.token, url=url, secret=secret),
    )


async def _write(
    database: Database, message: InstallHook, state: HookState, reason: str | None
) -> None:
    async def write(session: AsyncSession) -> None:
        repository = await RepositoryRepository(session).get(message.repository_id, lock=True)
        if repository is not None and repository.hook_state is HookState.PENDING:
            repository.hook_state = state
            repository.hook_reason = None if reason is None else reason[:2000]

    await database.transact(write)
