"""Users, their API tokens and their log-in sessions."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.orm import TABLE_OPTIONS, Base, Json


class User(Base):
    """A person. `name_folded` makes names unique without regard to case.

    With `project_id` it is no person but what a project's token acts as: in that project only, in
    the role `project_role`; `made_by` is the user who made it. No foreign keys: when the project is
    gone, so is all that it may do.
    """

    __tablename__ = "users"
    __table_args__ = (Index(None, "project_id", "id"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_folded: Mapped[str] = mapped_column(String(100), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_administrator: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    logged_in_at: Mapped[datetime | None]
    project_id: Mapped[uuid.UUID | None]
    project_role: Mapped[str | None] = mapped_column(String(32))
    made_by: Mapped[uuid.UUID | None]
    tokens: Mapped[list["ApiToken"]] = relationship(
        back_populates="user", lazy="raise", passive_deletes=True
    )
    sessions: Mapped[list["LoginSession"]] = relationship(
        back_populates="user", lazy="raise", passive_deletes=True
    )


class ApiToken(Base):
    """An API token: only its SHA-256 is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index(None, "user_id", "id"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    user: Mapped[User] = relationship(back_populates="tokens", lazy="raise")


class PasswordLink(Base):
    """Lets somebody set the password of a user, once: an invitation, or a reset.

    Only the SHA-256 of its secret is kept. A user has one at most.
    """

    __tablename__ = "password_links"
    __table_args__ = (Index(None, "expires_at"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), unique=True
    )
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Identity(Base):
    """An account at an OpenID Connect provider that logs in as a user.

    Known by issuer and subject only: addresses of e-mail change hands.
    """

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        Index(None, "user_id", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class LoginSession(Base):
    """A log-in of a browser: only the SHA-256 of its cookie is kept.

    It ends when it was not seen for the idle time-out. `seen_at` is in the database's time and
    written at most once per quarter of that time-out.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "id"), Index(None, "seen_at"), TABLE_OPTIONS)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    user: Mapped[User] = relationship(back_populates="sessions", lazy="raise")
