"""A project with a repository, its owner, and the worker's part without a worker."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.db import Database
from app.core.sealing import MasterKeys
from app.credentials.keys import keys_of
from app.jobs.catalog import SyncPipelines
from app.projects.models import Project, Role
from app.settings import Settings
from app.triggers.models import Delivery, DeliveryStatus
from app.triggers.service.syncing import Surroundings, sync
from tests.fixtures.answers import body
from tests.fixtures.factories import Factory, SignIn
from tests.triggers.repositories import GitRepository

AROUND = Surroundings("http://ansflow.test", allow_private=True)


@dataclass
class Place:
    """A project, a client of its owner, and what the worker would do."""

    project: Project
    owner: httpx.AsyncClient
    anybody: httpx.AsyncClient
    database: Database
    keys: MasterKeys

    @property
    def path(self) -> str:
        return f"/api/v1/projects/{self.project.id}/repositories"

    async def repository(self, url: str = "https://git.example.com/a/b.git", **fields: Any) -> Any:
        """Add a repository; the answer with the secret."""
        given = {"name": "demo", "forge": "github", "clone_url": url, **fields}
        return body(await self.owner.post(self.path, json=given), 201)

    async def sync(self, delivery_id: str, around: Surroundings = AROUND) -> None:
        """What the worker does about a delivery."""
        async with self.database.read() as session:
            delivery = await session.get_one(Delivery, uuid.UUID(delivery_id))
        message = SyncPipelines(delivery_id=delivery.id, attempt=delivery.runs)
        await sync(self.database, self.keys, message, around=around)

    async def delivery(self, repository: Any, delivery_id: str) -> Any:
        """The details of a delivery."""
        path = f"{self.path}/{repository['id']}/deliveries/{delivery_id}"
        return body(await self.owner.get(path))

    async def reopen(self, delivery_id: str) -> None:
        """As if a worker had died before it wrote that the delivery was done."""
        async with self.database.session() as session:
            delivery = await session.get_one(Delivery, uuid.UUID(delivery_id))
            delivery.status = DeliveryStatus.QUEUED

    async def executions(self) -> list[Any]:
        """All executions of the project, oldest first."""
        path = f"/api/v1/executions?project_id={self.project.id}"
        found = body(await self.owner.get(path))
        return list(reversed(found["items"]))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Repositories of these tests are local."""
    security = settings.security.model_copy(update={"allow_private_addresses": True})
    return settings.model_copy(update={"security": security})


@pytest.fixture
async def place(
    make: Factory,
    sign_in: SignIn,
    client: httpx.AsyncClient,
    database: Database,
    settings: Settings,
) -> Place:
    """A project whose owner is logged in."""
    user = await make.user("owner")
    project = await make.project(members={Role.OWNER: user})
    return Place(project, await sign_in(user), client, database, keys_of(settings))


@pytest.fixture
def git(tmp_path: Path) -> GitRepository:
    """An empty repository."""
    return GitRepository(tmp_path / "demo")
