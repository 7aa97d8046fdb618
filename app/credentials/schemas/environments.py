"""What the API takes and gives about environments."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from app.core.schemas import Input, Output, Prose, Title
from app.engine.filters.globs import refusal
from app.projects.models import Role

_URL = r"^https?://[!-~]{1,1990}$"


def _readable(pattern: str) -> str:
    why = refusal(pattern)
    if why is not None:
        raise ValueError(why)
    return pattern


Pattern = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_readable),
]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=_URL)]
Hours = Annotated[int, Field(ge=1, le=365 * 24)]
Approvers = Annotated[list[uuid.UUID], Field(max_length=50)]
Patterns = Annotated[list[Pattern], Field(max_length=50)]


class EnvironmentCreate(Input):
    """A new environment. Without any protection its jobs run at once."""

    name: Title = Field(description="As jobs name it, in any case", examples=["production"])
    description: Prose = Field(default="", description="What it is for")
    url: Url | None = Field(
        default=None, description="Where it is", examples=["https://ansflow.example"]
    )
    required_approvals: int = Field(
        default=0, ge=0, le=10, description="How many people must approve each job; 0: nobody"
    )
    approver_ids: Approvers = Field(
        default=[], description="Members that may approve, whatever their role"
    )
    approver_role: Role | None = Field(
        default=Role.MAINTAINER,
        description="Members with this role or a higher one may approve as well; null: only "
        "those in `approver_ids`",
    )
    prevent_self_approval: bool = Field(
        default=False, description="Who started an execution may not approve its jobs"
    )
    wait_minutes: int = Field(
        default=0, ge=0, le=43200, description="How long a job waits at least, in minutes"
    )
    allowed_branches: Patterns = Field(
        default=[],
        description="Only executions of these branches and tags; none: all. As in "
        "`on.push.branches`",
        examples=[["main", "releases/**"]],
    )
    approval_hours: Hours | None = Field(
        default=None,
        description="After so many hours without a decision, counted from the end of "
        "`wait_minutes`, a job fails; null: as the global setting `approval_hours` says",
        examples=[48],
    )


class EnvironmentUpdate(EnvironmentCreate):
    """Changes of an environment; absent fields stay."""

    name: Title = Field(default="x", description="As jobs name it, in any case")


class EnvironmentRead(Output):
    """An environment."""

    id: uuid.UUID = Field(description="Never changes")
    project_id: uuid.UUID = Field(description="The project")
    name: str = Field(description="As jobs name it, in any case")
    description: str = Field(description="What it is for")
    url: str | None = Field(description="Where it is")
    required_approvals: int = Field(description="How many people must approve each job")
    approver_ids: list[uuid.UUID] = Field(description="Members that may approve")
    approver_role: Role | None = Field(description="The least role that may approve as well")
    prevent_self_approval: bool = Field(
        description="Who started an execution may not approve its jobs"
    )
    wait_minutes: int = Field(description="How long a job waits at least, in minutes")
    allowed_branches: list[str] = Field(description="Patterns of branches and tags; none: all")
    approval_hours: int | None = Field(
        description="How long requests for approval stay open; null: as the global setting says"
    )
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")
