"""Caches of projects: listed and deleted."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.artifacts.errors import CacheNotFound
from app.artifacts.repository.caches import CacheRepository
from app.artifacts.schemas import CacheRead
from app.artifacts.service.caches import delete_cache
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound, RoleTooLow
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/caches",
    tags=["artifacts"],
    responses={401: Unauthenticated.doc(), 403: RoleTooLow.doc(), 404: ProjectNotFound.doc()},
)


@router.get("")
async def list_caches(
    access: Annotated[Access, reads(Action.CACHE_READ)],
    session: ReadSession,
    paging: Paging,
    key: Annotated[str | None, Query(max_length=512, description="How the key begins")] = None,
    ref: Annotated[str | None, Query(max_length=500, description="Only of this full ref")] = None,
) -> Page[CacheRead]:
    """The caches of a project, newest first."""
    found = await CacheRepository(session).list(access.project.id, paging, prefix=key, scope=ref)
    return Page[CacheRead].model_validate(found)


@router.delete("/{cache_id}", status_code=204, responses={404: CacheNotFound.doc()})
async def remove_cache(
    access: Annotated[Access, writes(Action.CACHE_DELETE)],
    session: Session,
    cache_id: Annotated[uuid.UUID, Path(description="Id of a cache")],
) -> None:
    """Delete a cache; the next execution makes it anew."""
    await delete_cache(
        session, by=access.principal, project_id=access.project.id, cache_id=cache_id
    )
