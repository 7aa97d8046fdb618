"""What forges sent, and what came of it."""

from typing import Annotated

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.rights import Action
from app.triggers.dependencies import (
    DeliveryId,
    OwnRepository,
    reads_repository,
    writes_repository,
)
from app.triggers.errors import DeliveryNotFound, RepositoryNotFound
from app.triggers.repository.deliveries import DeliveryRepository
from app.triggers.schemas import DeliveryDetail, DeliveryRead, ResultRead
from app.triggers.service.receiving import redeliver

router = APIRouter(
    prefix="/projects/{project}/repositories/{repository_id}/deliveries",
    tags=["repositories"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: RepositoryNotFound.doc(),
    },
)


@router.get("")
async def list_deliveries(
    own: Annotated[OwnRepository, reads_repository(Action.REPOSITORY_READ)],
    session: ReadSession,
    paging: Paging,
) -> Page[DeliveryRead]:
    """The webhook deliveries of a repository, newest first; they are kept for 30 days."""
    found = await DeliveryRepository(session).list(own.repository.id, paging)
    return Page[DeliveryRead].model_validate(found)


@router.get("/{delivery_id}", responses={404: DeliveryNotFound.doc()})
async def get(
    own: Annotated[OwnRepository, reads_repository(Action.REPOSITORY_READ)],
    delivery_id: DeliveryId,
    session: ReadSession,
) -> DeliveryDetail:
    """One delivery, with what it meant for each pipeline file."""
    deliveries = DeliveryRepository(session)
    delivery = await deliveries.require(own.repository.id, delivery_id)
    results = [ResultRead.model_validate(each) for each in await deliveries.results(delivery_id)]
    shown = DeliveryRead.model_validate(delivery)
    return DeliveryDetail(**dict(shown), headers=delivery.headers, results=results)


@router.post(
    "/{delivery_id}/redeliver",
    status_code=status.HTTP_202_ACCEPTED,
    responses={404: DeliveryNotFound.doc()},
)
async def repeat(
    own: Annotated[OwnRepository, writes_repository(Action.REPOSITORY_REDELIVER)],
    delivery_id: DeliveryId,
    session: Session,
) -> DeliveryRead:
    """Work on a delivery once more: it may start executions again."""
    delivery = await redeliver(
        session, access=own.access, repository=own.repository, delivery_id=delivery_id
    )
    return DeliveryRead.model_validate(delivery)
