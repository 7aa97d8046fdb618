"""What belongs to an environment, as rows."""

import json
import uuid

from app.core.clock import new_id, utcnow
from app.core.crypto import Keyring
from app.core.db import Database
from app.core.sealing import seal_into
from app.credentials.models import Credential, CredentialKind, Environment, Secret, Variable


async def add_environment(
    database: Database, project_id: uuid.UUID, name: str = "production", **fields: object
) -> Environment:
    """An environment without protection unless `fields` give it one."""
    now = utcnow()
    environment = Environment(
        **{
            "id": new_id(),
            "project_id": project_id,
            "name": name,
            "folded": name.casefold(),
            "approver_ids": [],
            "approver_role": None,
            "allowed_branches": [],
            "created_at": now,
            "updated_at": now,
            **fields,
        }
    )
    async with database.session() as session:
        session.add(environment)
    return environment


async def add_values(
    database: Database, environment: Environment, keyring: Keyring | None = None
) -> None:
    """A variable REGION and a secret TOKEN, of the environment and of its project."""
    project_id, now = environment.project_id, utcnow()
    async with database.session() as session:
        for environment_id in (None, environment.id):
            common = {
                "project_id": project_id,
                "environment_id": environment_id,
                "scope_id": environment_id or project_id,
                "created_at": now,
                "updated_at": now,
            }
            secret = Secret(id=new_id(), name="TOKEN", **common)
            seal_into(secret, b"hunter2", keyring or Keyring(["test"]))
            session.add(secret)
            session.add(Variable(id=new_id(), name="REGION", value="eu", **common))


async def add_credential(
    database: Database,
    project_id: uuid.UUID,
    name: str = "forge",
    *,
    token: str = "t0ken",  # noqa: S107  a value for tests
    keyring: Keyring | None = None,
) -> Credential:
    """A token credential."""
    now = utcnow()
    row = Credential(
        id=new_id(),
        project_id=project_id,
        name=name,
        folded=name.casefold(),
        kind=CredentialKind.TOKEN,
        public={},
        created_at=now,
        updated_at=now,
    )
    seal_into(row, json.dumps({"token": token}).encode(), keyring or Keyring(["test"]))
    async with database.session() as session:
        session.add(row)
    return row
