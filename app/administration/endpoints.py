"""What runs where."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, status

from app.administration.draining import set_drain
from app.administration.errors import WorkerHasStopped, WorkerNotFound
from app.administration.repository import WorkerRepository
from app.administration.schemas import WorkerRead
from app.auth.dependencies import Administrator, CurrentUser
from app.auth.errors import AdministratorOnly, InsufficientScope
from app.core.dependencies import ReadSession, Session
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


WorkerId = Annotated[uuid.UUID, Path(description="Id of a worker process")]
WISH: dict[int | str, dict[str, Any]] = {
    403: AdministratorOnly.doc(),
    404: WorkerNotFound.doc(),
    409: WorkerHasStopped.doc(),
}


@router.post("/workers/{worker_id}/drain", status_code=status.HTTP_202_ACCEPTED, responses=WISH)
async def drain(principal: Administrator, worker_id: WorkerId, session: Session) -> WorkerRead:
    """Have a worker take nothing new; what it runs goes on. It hears within seconds."""
    return WorkerRead.of(await set_drain(session, by=principal, worker_id=worker_id, drain=True))


@router.post(
    "/workers/{worker_id}/resume", status_code=status.HTTP_202_ACCEPTED, responses={**WISH}
)
async def resume(principal: Administrator, worker_id: WorkerId, session: Session) -> WorkerRead:
    """Have a worker take work again."""
    return WorkerRead.of(await set_drain(session, by=principal, worker_id=worker_id, drain=False))
