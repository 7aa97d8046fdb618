"""Secrets: set and delete. Nothing here reads a value."""

from pydantic import SecretStr

from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.core.sealing import MasterKeys, seal_into
from app.credentials.errors import SetMeanwhile, TooManyValues
from app.credentials.models import Secret
from app.credentials.repository.values import SecretRepository
from app.credentials.service.places import Place, record_value

MAX_SECRETS = 100
"""How many secrets a place has at most, as on GitHub."""

_HIDDEN = {"value": SecretStr("")}


async def set_secret(
    session: AsyncSession, keys: MasterKeys, *, place: Place, name: str, value: SecretStr
) -> Secret:
    """Make a secret or replace its value.

    Raises: TooManyValues, SetMeanwhile, NoMasterKey.
    """
    repository, now = SecretRepository(session), utcnow()
    secret = await repository.get(place.scope_id, name, lock=True)
    is_new = secret is None
    if secret is None:
        if await repository.count(place.scope_id) >= MAX_SECRETS:
            raise TooManyValues(f"there may be at most {MAX_SECRETS} secrets")
        secret = Secret(
            id=new_id(),
            project_id=place.project_id,
            environment_id=place.environment_id,
            scope_id=place.scope_id,
            name=name,
            created_at=now,
        )
    seal_into(secret, value.get_secret_value().encode(), keys.to_write())
    secret.updated_at = now
    await repository.save(secret, conflict=SetMeanwhile())
    verb, before = ("create", None) if is_new else ("update", _HIDDEN)
    await record_value(session, place, secret, verb, before=before, after={"value": value})
    return secret


async def delete_secret(session: AsyncSession, *, place: Place, name: str) -> None:
    """Delete a secret.

    Raises: SecretNotFound.
    """
    repository = SecretRepository(session)
    secret = await repository.require(place.scope_id, name, lock=True)
    await repository.delete(secret)
    await record_value(session, place, secret, "delete", before=_HIDDEN)
