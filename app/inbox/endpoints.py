"""The caller's own notifications."""

from fastapi import APIRouter, status

from app.auth.dependencies import CurrentUser
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import NumberedPaging
from app.inbox.schemas import InboxPage, ReadMark
from app.inbox.service import inbox_page
from app.inbox.service import mark_read as mark

router = APIRouter(
    prefix="/users/me/notifications",
    tags=["users"],
    responses={401: Unauthenticated.doc()},
)


@router.get("")
async def list_notifications(
    principal: CurrentUser, session: ReadSession, paging: NumberedPaging
) -> InboxPage:
    """What the caller was told in the last 90 days, newest first."""
    return await inbox_page(session, user_id=principal.id, paging=paging)


@router.post("/read", status_code=status.HTTP_204_NO_CONTENT)
async def mark_read(principal: CurrentUser, body: ReadMark, session: Session) -> None:
    """Mark everything up to a number as read."""
    await mark(session, user_id=principal.id, seq=body.until)
