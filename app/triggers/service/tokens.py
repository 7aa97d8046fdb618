"""The token that a repository is used with."""

from dataclasses import dataclass, field

from app.core.db import AsyncSession, ReadSession
from app.core.sealing import MasterKeys
from app.credentials.models import CredentialKind
from app.credentials.service.credentials import resolve_credential
from app.triggers.models import HookRemoval, Repository

USABLE = frozenset({CredentialKind.TOKEN, CredentialKind.USERNAME_PASSWORD})


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in at a forge, with git and at its API."""

    user: str
    token: str = field(repr=False)


async def login_of(
    session: AsyncSession | ReadSession, keys: MasterKeys, repository: Repository | HookRemoval
) -> Login | None:
    """The login of a repository; None when it has none.

    Raises: CredentialUnreadable.
    """
    if repository.credential_id is None:
        return None
    clear = await resolve_credential(
        session,
        keys,
        project_id=repository.project_id,
        credential_id=repository.credential_id,
    )
    token = clear.secrets.get("token") or clear.secrets.get("password")
    return None if token is None else Login(clear.username or "x-access-token", token)
