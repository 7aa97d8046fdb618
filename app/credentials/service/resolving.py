"""What a claimed job is given: its secrets in clear and the variables of its environment.

Nothing of it is stored anywhere: the runner masks the secrets and forgets them with the job.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.crypto import CannotDecrypt, Keyring
from app.core.db import Database
from app.core.sealing import MasterKeys, opened
from app.credentials.models import Secret
from app.credentials.repository.values import SecretRepository, VariableRepository


class SecretUnreadable(Exception):
    """A secret of the job cannot be decrypted; the text says which one and with which key."""


@dataclass(frozen=True, slots=True)
class Given:
    """Secrets by name, those of the environment before those of the project; variables of the
    environment only: an execution has those of its project."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)


async def resolve(
    database: Database,
    keys: MasterKeys,
    *,
    project_id: uuid.UUID,
    environment: str | None,
    trusted: bool = True,
) -> Given:
    """What a job of a project is given.

    Parameters: `environment` is the name that the job deploys to; `trusted` False means code from
    a fork: it gets no secrets.
    Raises: SecretUnreadable, Unavailable when the database is away.
    """
    async with database.read() as session:
        variables: Mapping[str, str] = {}
        if environment is not None:
            repository = VariableRepository(session)
            variables = await repository.of_environment(project_id, environment)
        if not trusted:
            return Given({}, variables)
        rows = await SecretRepository(session).for_job(project_id, environment)
    keyring = keys.to_read() if rows else None
    return Given({row.name: _open(row, keyring) for row in rows}, variables)


def _open(row: Secret, keyring: Keyring | None) -> str:
    try:
        return opened(row, keyring).decode()
    except CannotDecrypt as error:
        owner = "project" if row.environment_id is None else "environment"
        raise SecretUnreadable(
            f"The secret {row.name} of the {owner} cannot be decrypted with the key "
            f"{row.key_id}: {error}."
        ) from error
