"""Projects and memberships."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
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
    """A project owns pipelines. `slug` is lower-case and unique.

    `notifies` says that a notification rule may want to hear of its executions.
    """

    __tablename__ = "projects"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000), default="")
    visibility: Mapped[Visibility] = mapped_column(Enumerated(Visibility))
    notifies: Mapped[bool] = mapped_column(default=False, server_default=false())
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


class Team(Base):
    """People who get rights together. `slug` is lower-case and unique."""

    __tablename__ = "teams"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class TeamMember(Base):
    """A user in a team; managers choose who else is in it."""

    __tablename__ = "team_members"
    __table_args__ = (Index(None, "user_id"), TABLE_OPTIONS)

    team_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    is_manager: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class ProjectTeam(Base):
    """The role that everybody in a team has in a project."""

    __tablename__ = "project_teams"
    __table_args__ = (Index(None, "team_id"), TABLE_OPTIONS)

    project_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True
    )
    team_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[Role] = mapped_column(Enumerated(Role))
    created_at: Mapped[datetime]


class Launcher(Base):
    """A user or a team that may see and start one pipeline, whatever they are in its project."""

    __tablename__ = "launchers"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "user_id"),
        UniqueConstraint("pipeline_id", "team_id"),
        Index(None, "user_id"),
        Index(None, "team_id"),
        TABLE_OPTIONS,
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    pipeline_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
