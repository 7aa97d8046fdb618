"""What became of notifications."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.notifications.models import DeliveryState
from app.notifications.repository.deliveries import DeliveryRepository
from app.notifications.schemas import DeliveryRead
from app.projects.dependencies import reads
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action
from app.projects.service.access import Access

router = APIRouter(
    prefix="/projects/{project}/notification-deliveries",
    tags=["notifications"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)


@router.get("")
async def list_deliveries(
    access: Annotated[Access, reads(Action.NOTIFICATION_READ)],
    session: ReadSession,
    paging: Paging,
    execution_id: Annotated[
        uuid.UUID | None, Query(description="Only those that tell of this execution")
    ] = None,
    state: Annotated[DeliveryState | None, Query(description="Only in this state")] = None,
) -> Page[DeliveryRead]:
    """The notifications of a project and what became of them, newest first."""
    found = await DeliveryRepository(session).list(
        access.project.id, paging, execution_id=execution_id, state=state
    )
    return Page[DeliveryRead].model_validate(found)
