"""One's own API tokens and sessions."""

import uuid

from fastapi import APIRouter, status

from app.auth.dependencies import FullUser, Person, SettingsOf
from app.auth.errors import (
    InsufficientScope,
    SessionNotFound,
    TokenExceedsCaller,
    TokenNotFound,
)
from app.auth.repository import SessionRepository, TokenRepository
from app.auth.schemas import SessionRead, TokenCreate, TokenCreated, TokenRead
from app.auth.service.sessions import end_other_sessions, end_session
from app.auth.service.tokens import create_token, revoke_token
from app.configuration.dependencies import GlobalSettingsOf
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page

router = APIRouter(
    prefix="/auth",
    tags=["auth"],
    responses={401: Unauthenticated.doc(), 403: InsufficientScope.doc()},
)


@router.get("/tokens")
async def list_tokens(principal: Person, session: ReadSession, paging: Paging) -> Page[TokenRead]:
    """The caller's API tokens, newest first."""
    found = await TokenRepository(session).list(principal.id, paging)
    return Page[TokenRead].model_validate(found)


@router.post(
    "/tokens",
    status_code=status.HTTP_201_CREATED,
    responses={403: TokenExceedsCaller.doc()},
)
async def create(
    principal: FullUser, body: TokenCreate, chosen: GlobalSettingsOf, session: Session
) -> TokenCreated:
    """Make an API token: its secret is in the answer and never again."""
    token, secret = await create_token(
        session, by=principal, longest_days=chosen.token_longest_days, **dict(body)
    )
    return TokenCreated(token=secret, **TokenRead.model_validate(token).model_dump())


@router.delete(
    "/tokens/{token_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: TokenNotFound.doc()},
)
async def revoke(principal: FullUser, token_id: uuid.UUID, session: Session) -> None:
    """Revoke an API token."""
    await revoke_token(session, by=principal, token_id=token_id)


@router.get("/sessions")
async def list_sessions(
    principal: Person, session: ReadSession, paging: Paging, settings: SettingsOf
) -> Page[SessionRead]:
    """Where the caller is logged in, newest first."""
    found = await SessionRepository(session).list(
        principal.id, paging, idle_s=settings.security.session_idle_s
    )
    return Page(
        items=[SessionRead.of(row, current=principal.credential_id) for row in found.items],
        next=found.next,
    )


@router.delete("/sessions", status_code=status.HTTP_204_NO_CONTENT)
async def end_others(principal: FullUser, session: Session) -> None:
    """End all of the caller's sessions except the one of this request."""
    await end_other_sessions(session, by=principal)


@router.delete(
    "/sessions/{session_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: SessionNotFound.doc()},
)
async def end_one(principal: FullUser, session_id: uuid.UUID, session: Session) -> None:
    """End one of the caller's sessions."""
    await end_session(session, by=principal, session_id=session_id)
