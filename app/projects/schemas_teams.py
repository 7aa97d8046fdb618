"""What the API takes and gives about teams and launchers."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field

from app.core.schemas import Input, Output, Slug, Title
from app.projects.models import Launcher, ProjectTeam, Role, TeamMember


class TeamCreate(Input):
    """A new team, without members."""

    slug: Slug = Field(description="Its address; unique", examples=["operations"])
    name: Title | None = Field(default=None, description="For people; null: as the slug")


class TeamUpdate(Input):
    """Changes of a team; absent fields stay."""

    slug: Slug = Field(default="x", description="Its address; unique")
    name: Title = Field(default="x", description="For people")


class TeamRead(Output):
    """A team."""

    id: uuid.UUID = Field(description="Never changes")
    slug: str = Field(description="Its address")
    name: str = Field(description="For people")
    created_at: datetime = Field(description="When it was made")


class TeamMemberWrite(Input):
    """Somebody's place in a team."""

    is_manager: bool = Field(default=False, description="Chooses who else is in it")


class TeamMemberRead(Output):
    """Somebody in a team."""

    user_id: uuid.UUID = Field(description="The user")
    name: str = Field(description="The user's name")
    is_manager: bool = Field(description="Chooses who else is in it")
    created_at: datetime = Field(description="Since when")

    @classmethod
    def of(cls, member: TeamMember, name: str) -> "TeamMemberRead":
        """Somebody in a team, with the user's name."""
        return cls(
            user_id=member.user_id,
            name=name,
            is_manager=member.is_manager,
            created_at=member.created_at,
        )


class ProjectTeamRead(Output):
    """A team as a member of a project."""

    team_id: uuid.UUID = Field(description="The team")
    team: str = Field(description="Its address")
    role: Role = Field(description="What everybody in it may do, unless their own role is higher")
    created_at: datetime = Field(description="Since when")

    @classmethod
    def of(cls, place: ProjectTeam, slug: str) -> "ProjectTeamRead":
        """A team's role, with the team's address."""
        return cls(team_id=place.team_id, team=slug, role=place.role, created_at=place.created_at)


class LauncherRead(Output):
    """Who may start a pipeline without a role in its project."""

    id: uuid.UUID = Field(description="For pages of the list")
    kind: Literal["user", "team"] = Field(description="A person, or everybody in a team")
    name: str = Field(description="Name of the user, or address of the team")
    created_at: datetime = Field(description="Since when")

    @classmethod
    def of(cls, row: Launcher, user: str | None, team: str | None) -> "LauncherRead":
        """A launcher, with the name of the user or the address of the team."""
        return cls(
            id=row.id,
            kind="team" if row.user_id is None else "user",
            name=user or team or "",
            created_at=row.created_at,
        )
