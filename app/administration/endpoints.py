"""What runs where."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.administration.repository import WorkerRepository
from app.administration.schemas import WorkerRead
from app.auth.dependencies import CurrentUser
from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page

router = APIRouter(
    tags=["administration"],
    responses={401: Unauthenticated.doc(), 403: InsufficientScope.doc()},
)


@router.get("/workers")
async def list_workers(
    _principal: CurrentUser,
    session: ReadSession,
    paging: Paging,
    stopped: Annotated[bool, Query(description="Also those that ended in good order")] = False,
) -> Page[WorkerRead]:
    """Worker processes, newest first."""
    found = await WorkerRepository(session).list(paging, include_stopped=stopped)
    return WorkerRead.page(*found)
