"""Where forges send what happened. The signature is the credential."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Request, status

from app.auth.dependencies import Public
from app.core.dependencies import DatabaseOf
from app.core.errors import PayloadTooLarge, Unavailable
from app.triggers.dependencies import Keys, RawBody
from app.triggers.errors import InvalidSignature, UnreadablePayload
from app.triggers.schemas import HookAnswer
from app.triggers.service.receiving import receive

router = APIRouter(prefix="/hooks", tags=["repositories"])


@router.post(
    "/{repository_id}",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Public],
    responses={
        400: UnreadablePayload.doc(),
        401: InvalidSignature.doc(),
        413: PayloadTooLarge.doc(),
        503: Unavailable.doc(),
    },
)
async def call(
    repository_id: Annotated[uuid.UUID, Path(description="Id of a repository")],
    request: Request,
    body: RawBody,
    database: DatabaseOf,
    keys: Keys,
) -> HookAnswer:
    """Take a webhook delivery; the same delivery twice is one."""
    delivery = await receive(
        database, keys, repository_id=repository_id, headers=request.headers, body=body
    )
    return HookAnswer(delivery_id=delivery.id, status=delivery.status, reason=delivery.reason)
