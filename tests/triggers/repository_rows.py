"""Repositories and deliveries, as rows."""

import hashlib
import json
import uuid

import zstandard

from app.core.clock import new_id, utcnow
from app.core.crypto import Keyring
from app.core.db import Database
from app.core.sealing import seal_into
from app.triggers.models import (
    Delivery,
    DeliveryStatus,
    Forge,
    ForkPolicy,
    HookState,
    Repository,
)


async def add_repository(
    database: Database, project_id: uuid.UUID, *, name: str = "demo"
) -> Repository:
    """A repository whose webhook has the secret `secret`."""
    now = utcnow()
    repository = Repository(
        id=new_id(),
        project_id=project_id,
        name=name,
        forge=Forge.GITHUB,
        clone_url="https://git.example.com/ansflow/demo.git",
        default_branch="main",
        fork_policy=ForkPolicy.IGNORE,
        hook_state=HookState.MANUAL,
        created_at=now,
        updated_at=now,
    )
    seal_into(repository, b"secret", Keyring(["test"]))
    async with database.session() as session:
        session.add(repository)
    return repository


async def add_delivery(database: Database, repository: Repository) -> Delivery:
    """A ping."""
    body = json.dumps({"zen": "Keep it simple"}).encode()
    delivery = Delivery(
        id=new_id(),
        repository_id=repository.id,
        external_id=new_id().hex,
        event="ping",
        status=DeliveryStatus.IGNORED,
        reason="ping: the webhook works",
        headers={"x-github-event": "ping"},
        body=zstandard.compress(body),
        digest=hashlib.sha256(body).hexdigest(),
        runs=1,
        received_at=utcnow(),
    )
    async with database.session() as session:
        session.add(delivery)
    return delivery
