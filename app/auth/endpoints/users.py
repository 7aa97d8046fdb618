"""Users: oneself, and all of them for administrators."""

import uuid

from fastapi import APIRouter, status

from app.auth.dependencies import Administrator, FullUser, Person
from app.auth.errors import AdministratorOnly, LastAdministrator, UserNameTaken, UserNotFound
from app.auth.repository import UserRepository
from app.auth.schemas import (
    InvitationCreate,
    OwnUpdate,
    PasswordLinkCreate,
    PasswordLinkRead,
    UserCreate,
    UserRead,
    UserUpdate,
)
from app.auth.service.passwords import invite, reset_password
from app.auth.service.users import delete_user, register_user, update_self, update_user
from app.core.dependencies import DatabaseOf, ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page

router = APIRouter(
    prefix="/users",
    tags=["users"],
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)


@router.get("/me")
async def me(principal: Person, session: ReadSession) -> UserRead:
    """The caller."""
    return UserRead.model_validate(await UserRepository(session).require(principal.id))


@router.patch("/me")
async def update_me(principal: FullUser, body: OwnUpdate, session: Session) -> UserRead:
    """Change the caller's own details."""
    changes = body.model_dump(exclude_unset=True)
    user = await update_self(session, by=principal, changes=changes)
    return UserRead.model_validate(user)


@router.get("")
async def list_users(
    _principal: Administrator, session: ReadSession, paging: Paging
) -> Page[UserRead]:
    """All users, newest first."""
    return Page[UserRead].model_validate(await UserRepository(session).list(paging))


@router.post("", status_code=status.HTTP_201_CREATED, responses={409: UserNameTaken.doc()})
async def create(principal: Administrator, body: UserCreate, database: DatabaseOf) -> UserRead:
    """Make a user."""
    return UserRead.model_validate(await register_user(database, by=principal, **dict(body)))


@router.post(
    "/invitations",
    status_code=status.HTTP_201_CREATED,
    responses={409: UserNameTaken.doc()},
)
async def create_invitation(
    principal: Administrator, body: InvitationCreate, session: Session
) -> PasswordLinkRead:
    """Make a user who sets the password over a link: it is in the answer and never again."""
    return PasswordLinkRead.model_validate(await invite(session, by=principal, **dict(body)))


@router.post(
    "/{user_id}/password-link",
    status_code=status.HTTP_201_CREATED,
    responses={404: UserNotFound.doc()},
)
async def create_password_link(
    principal: Administrator, user_id: uuid.UUID, body: PasswordLinkCreate, session: Session
) -> PasswordLinkRead:
    """Take a user's password, end all sessions, and answer a link that sets a new one."""
    link = await reset_password(session, by=principal, user_id=user_id, **dict(body))
    return PasswordLinkRead.model_validate(link)


@router.get("/{user_id}", responses={404: UserNotFound.doc()})
async def get(_principal: Administrator, user_id: uuid.UUID, session: ReadSession) -> UserRead:
    """One user."""
    return UserRead.model_validate(await UserRepository(session).require(user_id))


@router.patch("/{user_id}", responses={404: UserNotFound.doc(), 409: LastAdministrator.doc()})
async def update(
    principal: Administrator, user_id: uuid.UUID, body: UserUpdate, database: DatabaseOf
) -> UserRead:
    """Change a user; absent fields stay."""
    changes = body.model_dump(exclude_unset=True)
    return UserRead.model_validate(
        await update_user(database, by=principal, user_id=user_id, changes=changes)
    )


@router.delete(
    "/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: UserNotFound.doc(), 409: LastAdministrator.doc()},
)
async def delete(principal: Administrator, user_id: uuid.UUID, session: Session) -> None:
    """Delete a user with tokens, sessions and memberships."""
    await delete_user(session, by=principal, user_id=user_id)
