"""What endpoints of this module depend on."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from app.auth.dependencies import SettingsOf
from app.core.dependencies import ReadSession, Session
from app.core.errors import PayloadTooLarge
from app.credentials.dependencies import Keys
from app.projects.dependencies import reads, writes
from app.projects.rights import Action
from app.projects.service.access import Access
from app.triggers.models import Repository
from app.triggers.repository.repositories import RepositoryRepository

MAX_CALL = 25 * 1024 * 1024
"""The most bytes of a webhook's body, as GitHub sends them."""

RepositoryId = Annotated[uuid.UUID, Path(description="Id of a repository of the project")]
DeliveryId = Annotated[uuid.UUID, Path(description="Id of a delivery of the repository")]

__all__ = ["DeliveryId", "Keys", "OwnRepository", "Place", "PlaceOf", "RawBody", "RepositoryId"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where this server is, and what it may call."""

    server_url: str
    allow_private: bool


def _place(settings: SettingsOf) -> Place:
    return Place(settings.server.public_url, settings.security.allow_private_addresses)


PlaceOf = Annotated[Place, Depends(_place)]


@dataclass(frozen=True, slots=True)
class OwnRepository:
    """A repository of the project of the path."""

    access: Access
    repository: Repository


def reads_repository(action: Action) -> Any:
    """The repository of the path, when the caller may do `action` in its project."""

    async def repository_read(
        access: Annotated[Access, reads(action)], repository_id: RepositoryId, session: ReadSession
    ) -> OwnRepository:
        found = await RepositoryRepository(session).require(access.project.id, repository_id)
        return OwnRepository(access, found)

    return Depends(repository_read)


def writes_repository(action: Action) -> Any:
    """As `reads_repository`, in the transaction of a route that writes."""

    async def repository_write(
        access: Annotated[Access, writes(action)], repository_id: RepositoryId, session: Session
    ) -> OwnRepository:
        found = await RepositoryRepository(session).require(access.project.id, repository_id)
        return OwnRepository(access, found)

    return Depends(repository_write)


async def _raw_body(request: Request) -> bytes:
    """The body as it came, before anything looks into it; no transaction is open meanwhile."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_CALL:
            raise PayloadTooLarge(f"the body may have at most {MAX_CALL >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


RawBody = Annotated[bytes, Depends(_raw_body)]
