"""What the API takes and gives about projects and members."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from app.auth.models import User
from app.core.schemas import Input, Output, Page, Prose, Slug, Title
from app.projects.models import Member, Role, Visibility


def _not_an_id(slug: str) -> str:
    try:
        uuid.UUID(slug)
    except ValueError:
        return slug
    raise ValueError("must not look like an id")


ProjectSlug = Annotated[Slug, AfterValidator(_not_an_id)]


class ProjectCreate(Input):
    """A new project; the caller becomes its owner."""

    slug: ProjectSlug = Field(description="Its address; unique", examples=["demo"])
    name: Title | None = Field(default=None, description="For people; null: as the slug")
    description: Prose = Field(default="", description="What it is for")
    visibility: Visibility | None = Field(
        default=None,
        description="Who sees it besides its members; null: as the global settings say",
    )


class ProjectUpdate(Input):
    """Changes of a project; absent fields stay."""

    slug: ProjectSlug = Field(default="x", description="Its address; unique")
    name: Title = Field(default="x", description="For people")
    description: Prose = Field(default="", description="What it is for")
    visibility: Visibility = Field(
        default=Visibility.PRIVATE, description="Who sees it besides its members; owners only"
    )


class ProjectRead(Output):
    """A project."""

    id: uuid.UUID = Field(description="Never changes")
    slug: str = Field(description="Its address")
    name: str = Field(description="For people")
    description: str = Field(description="What it is for")
    visibility: Visibility = Field(description="Who sees it besides its members")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change of these fields")


class MemberWrite(Input):
    """The role of a member."""

    role: Role = Field(description="What the member may do")


class MemberRead(Output):
    """A member of a project."""

    user_id: uuid.UUID = Field(description="The user")
    name: str = Field(description="The user's name")
    role: Role = Field(description="What the member may do")
    created_at: datetime = Field(description="Since when")

    @classmethod
    def of(cls, member: Member, user: User) -> "MemberRead":
        """A member, with the user's name."""
        return cls._named(member, user.name)

    @classmethod
    def page(cls, rows: Sequence[tuple[Member, str]], next_: str | None) -> Page["MemberRead"]:
        """A page of members with their names."""
        return Page(items=[cls._named(*row) for row in rows], next=next_)

    @classmethod
    def _named(cls, member: Member, name: str) -> "MemberRead":
        return cls(
            user_id=member.user_id, name=name, role=member.role, created_at=member.created_at
        )
