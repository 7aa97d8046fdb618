"""Projects and memberships."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orm import TABLE_OPTIONS, Base, Enumerated


class Visibility(StrEnum):
    """Who may see a project besides its members."""

    PRIVATE = "private"
    INTERNAL = "internal"
    PUBLIC = "public"


class Role(StrEnum):
    """What a member may do, from most to least."""

    OWNER = "owner"
    MAINTAINER = "maintainer"
    DEVELOPER = "developer"
    REPORTER = "reporter"
    GUEST = "guest"


class Project(Base):
    """A project owns pipelines. `slug` is lower-case and unique."""

    __tablename__ = "projects"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000), default="")
    visibility: Mapped[Visibility] = mapped_column(Enumerated(Visibility))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Member(Base):
    """A user's role in a project."""

    __tablename__ = "members"
    __table_args__ = (Index(None, "user_id"), TABLE_OPTIONS)

    project_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[Role] = mapped_column(Enumerated(Role))
    created_at: Mapped[datetime]
