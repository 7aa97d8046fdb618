"""What the API takes and gives about users, tokens and sessions."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, SecretStr, StringConstraints

from app.auth.models import LoginSession
from app.auth.principals import Scope
from app.core.schemas import Input, Output, Title

UserName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=100, pattern=r"^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$"
    ),
]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")
]
ValidHours = Annotated[int, Field(ge=1, le=30 * 24, description="When the link ends")]
Password = Annotated[SecretStr, Field(min_length=12, max_length=1024)]


class UserCreate(Input):
    """A new user."""

    name: UserName = Field(description="For log-in; unique in any case", examples=["ada"])
    password: Password | None = Field(
        default=None, description="None: the user cannot log in until one is set"
    )
    email: Email | None = Field(default=None, description="For messages only, never for log-in")
    is_administrator: bool = Field(default=False, description="May do everything")


class UserUpdate(Input):
    """What an administrator changes of a user; absent fields stay."""

    email: Email | None = Field(default=None, description="For messages only; null: none")
    is_administrator: bool = Field(default=False, description="May do everything")
    is_active: bool = Field(default=True, description="False: no log-in, no tokens")
    password: Password | None = Field(
        default=None, description="A new password (null: none); ends the user's sessions"
    )


class OwnUpdate(Input):
    """What users change of themselves; absent fields stay."""

    email: Email | None = Field(default=None, description="For messages only; null: none")


class UserRead(Output):
    """A user."""

    id: uuid.UUID = Field(description="Never changes")
    name: str = Field(description="For log-in")
    email: str | None = Field(description="For messages")
    is_administrator: bool = Field(description="May do everything")
    is_active: bool = Field(description="May log in and use tokens")
    created_at: datetime = Field(description="When it was made")
    logged_in_at: datetime | None = Field(description="The last log-in; null: never")


class InvitationCreate(Input):
    """A new user, who sets the password over a link."""

    name: UserName = Field(description="For log-in; unique in any case", examples=["grace"])
    email: Email | None = Field(default=None, description="For messages only, never for log-in")
    is_administrator: bool = Field(default=False, description="May do everything")
    valid_hours: ValidHours = 72


class PasswordLinkCreate(Input):
    """A link that lets its bearer set the password of a user, once."""

    valid_hours: ValidHours = 24


class PasswordLinkRead(Output):
    """A link that sets a password. It is shown only now."""

    user: UserRead = Field(description="Whose password it sets")
    token: str = Field(description="For `POST /auth/password-links`; works once")
    expires_at: datetime = Field(description="When it ends")


class PasswordLinkRedeem(Input):
    """The secret of a link, and the password to set."""

    token: SecretStr = Field(max_length=200, description="The secret of the link")
    new_password: Password = Field(description="At least 12 characters")


class Login(Input):
    """Name and password."""

    name: str = Field(max_length=200, description="In any case", examples=["admin"])
    password: SecretStr = Field(max_length=1024, description="The password")


class PasswordChange(Input):
    """The current password proves that it is you."""

    current_password: SecretStr = Field(max_length=1024, description="The one in use")
    new_password: Password = Field(description="At least 12 characters")


class TokenCreate(Input):
    """A new API token."""

    name: Title = Field(max_length=100, description="What it is for", examples=["deploy script"])
    scopes: frozenset[Scope] = Field(
        min_length=1,
        description="`read`: look. `write`: change and start. `admin`: rights and credentials",
        examples=[["read", "write"]],
    )
    expires_at: AwareDatetime | None = Field(
        default=None, description="Null: as late as the global settings allow, or never"
    )


class TokenRead(Output):
    """An API token, without its secret."""

    id: uuid.UUID = Field(description="To revoke it")
    name: str = Field(description="What it is for")
    scopes: list[Scope] = Field(description="What it may be used for")
    created_at: datetime = Field(description="When it was made")
    expires_at: datetime | None = Field(description="When it ends; null: never")
    used_at: datetime | None = Field(description="Last use, to a minute; null: never")


class TokenCreated(TokenRead):
    """A new API token with its secret, which is shown only now."""

    token: str = Field(description="Send it as `Authorization: Bearer …`; it is shown once")


class ProviderRead(Output):
    """An OpenID Connect provider."""

    name: str = Field(description="For addresses")
    title: str = Field(description="For people")


class ProviderList(Output):
    """What people can log in with besides a password."""

    items: list[ProviderRead] = Field(description="By name")


class LinkStart(Output):
    """Where to go to link an account."""

    url: str = Field(description="An address of the provider, for this browser")


class IdentityRead(Output):
    """An account at a provider that logs in as the caller."""

    id: uuid.UUID = Field(description="To unlink it")
    issuer: str = Field(description="The provider")
    subject: str = Field(description="What the provider calls the account; never changes")
    created_at: datetime = Field(description="When it was linked")


class SessionRead(Output):
    """A log-in of a browser."""

    id: uuid.UUID = Field(description="To end it")
    address: str = Field(description="Where the log-in came from")
    user_agent: str = Field(description="The browser at log-in")
    created_at: datetime = Field(description="When it began")
    seen_at: datetime = Field(description="Last use, to a quarter of the idle time-out")
    is_current: bool = Field(description="The session of this request")

    @classmethod
    def of(cls, row: LoginSession, *, current: uuid.UUID | None) -> "SessionRead":
        """A session as the owner of the session `current` sees it."""
        return cls(
            id=row.id,
            address=row.address,
            user_agent=row.user_agent,
            created_at=row.created_at,
            seen_at=row.seen_at,
            is_current=row.id == current,
        )
