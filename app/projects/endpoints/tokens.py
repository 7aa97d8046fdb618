"""Tokens that belong to a project."""

import uuid
from typing import Annotated

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope, TokenExceedsCaller, TokenNotFound
from app.configuration.dependencies import GlobalSettingsOf
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.projects.dependencies import reads, writes
from app.projects.errors import ProjectNotFound
from app.projects.repository.tokens import ProjectTokenRepository
from app.projects.rights import Action
from app.projects.schemas import ProjectTokenCreate, ProjectTokenCreated, ProjectTokenRead
from app.projects.service.access import Access
from app.projects.service.tokens import create_project_token, revoke_project_token

router = APIRouter(
    prefix="/projects/{project}/tokens",
    tags=["projects"],
    responses={
        401: Unauthenticated.doc(),
        403: InsufficientScope.doc(),
        404: ProjectNotFound.doc(),
    },
)


@router.get("")
async def list_project_tokens(
    access: Annotated[Access, reads(Action.TOKEN_READ)], session: ReadSession, paging: Paging
) -> Page[ProjectTokenRead]:
    """The tokens of a project, newest first."""
    rows, next_ = await ProjectTokenRepository(session).list(access.project.id, paging)
    return Page(items=[ProjectTokenRead.of(*row) for row in rows], next=next_)


@router.post("", status_code=status.HTTP_201_CREATED, responses={403: TokenExceedsCaller.doc()})
async def create(
    access: Annotated[Access, writes(Action.TOKEN_WRITE)],
    body: ProjectTokenCreate,
    chosen: GlobalSettingsOf,
    session: Session,
) -> ProjectTokenCreated:
    """Make a token that acts in this project only: its secret is in the answer and never again."""
    token, user, secret = await create_project_token(
        session, access=access, longest_days=chosen.token_longest_days, **dict(body)
    )
    return ProjectTokenCreated(token=secret, **ProjectTokenRead.of(token, user).model_dump())


@router.delete(
    "/{project_token_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: TokenNotFound.doc()},
)
async def revoke(
    access: Annotated[Access, writes(Action.TOKEN_WRITE)],
    project_token_id: uuid.UUID,
    session: Session,
) -> None:
    """Revoke a token of the project."""
    await revoke_project_token(session, access=access, token_id=project_token_id)
