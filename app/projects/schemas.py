"""What the API takes and gives about projects and members."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from app.auth.models import ApiToken, User
from app.auth.principals import Scope
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


class ProjectTokenCreate(Input):
    """A new token of a project."""

    name: Title = Field(max_length=100, description="What it is for", examples=["deploy script"])
    role: Role = Field(description="What it is in the project; not above the own role")
    scopes: frozenset[Scope] = Field(
        min_length=1,
        description="`read`: look. `write`: change and start. `admin`: rights and credentials",
        examples=[["read", "write"]],
    )
    expires_at: AwareDatetime = Field(description="When it ends")


class ProjectTokenRead(Output):
    """A token of a project, without its secret."""

    id: uuid.UUID = Field(description="To revoke it")
    name: str = Field(description="What it is for")
    role: Role = Field(description="What it is in the project")
    scopes: list[Scope] = Field(description="What it may be used for")
    created_at: datetime = Field(description="When it was made")
    expires_at: datetime | None = Field(description="When it ends")
    used_at: datetime | None = Field(description="Last use, to a minute; null: never")

    @classmethod
    def of(cls, token: ApiToken, user: User) -> "ProjectTokenRead":
        """A token, with what it acts as."""
        return cls(
            id=token.id,
            name=token.name,
            role=Role(user.project_role or Role.GUEST),
            scopes=[Scope(scope) for scope in token.scopes],
            created_at=token.created_at,
            expires_at=token.expires_at,
            used_at=token.used_at,
        )


class ProjectTokenCreated(ProjectTokenRead):
    """A new token of a project with its secret, which is shown only now."""

    token: str = Field(description="Send it as `Authorization: Bearer …`; it is shown once")


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
