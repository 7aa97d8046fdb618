"""The queue."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from app.approvals.schemas import QueueEntry
from app.approvals.service.queue import queue
from app.auth.dependencies import Caller
from app.core.dependencies import ReadSession
from app.core.errors import Unavailable
from app.core.pagination import Paging
from app.core.schemas import Page

router = APIRouter(tags=["queue"], responses={503: Unavailable.doc()})


@router.get("/queue")
async def list_queue(
    principal: Caller,
    session: ReadSession,
    page: Paging,
    project_id: Annotated[uuid.UUID | None, Query(description="Only of this project")] = None,
) -> Page[QueueEntry]:
    """Who waits for what, since when and in which place, oldest execution first."""
    return await queue(session, principal=principal, page=page, project_id=project_id)
