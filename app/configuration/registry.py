"""Every global setting: its name, type, default and meaning. Each one is read by something."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.settings import Settings


class Creators(StrEnum):
    """Who may make projects."""

    USERS = "users"
    ADMINISTRATORS = "administrators"


class DefaultVisibility(StrEnum):
    """Who sees a new project besides its members, unless its maker says otherwise."""

    PRIVATE = "private"
    INTERNAL = "internal"
    PUBLIC = "public"


Days = Annotated[int, Field(ge=1, le=3650)]
DaysOrNone = Annotated[int, Field(ge=0, le=3650)]
Minutes = Annotated[int, Field(ge=1, le=30 * 24 * 60)]
Hours = Annotated[int, Field(ge=1, le=365 * 24)]
Size = Annotated[int, Field(ge=0, le=2**50)]


class GlobalSettings(BaseModel):
    """The values in effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    artifact_retention_days: Days = Field(
        default=90, description="How long artifacts are kept by default, and at most"
    )
    artifact_execution_bytes: Size = Field(
        default=10 << 30, description="Size of all artifacts of an execution, at most"
    )
    cache_project_bytes: Size = Field(
        default=10 << 30, description="Size of all caches of a project; the oldest go first"
    )
    cache_unused_days: Days = Field(
        default=7, description="After so many days without use a cache is removed"
    )
    project_creators: Creators = Field(default=Creators.USERS, description="Who may make projects")
    project_visibility: DefaultVisibility = Field(
        default=DefaultVisibility.PRIVATE,
        description="Who sees a new project besides its members, unless its maker says otherwise",
    )
    long_running_minutes: Minutes = Field(
        default=360,
        description="After so many minutes people are told that an execution still runs",
    )
    token_longest_days: DaysOrNone = Field(
        default=0, description="How long API tokens of users may live; 0: for ever"
    )
    log_archive_days: DaysOrNone = Field(
        default=30,
        description="After so many days logs move from the database to the archive; 0: never",
    )
    approval_hours: Hours = Field(
        default=30 * 24,
        description="After so many hours without a decision a request for approval expires, unless "
        "its environment says otherwise",
    )

    @property
    def approval_expiry(self) -> timedelta:
        """`approval_hours`."""
        return timedelta(hours=self.approval_hours)


def defaults(settings: Settings) -> GlobalSettings:
    """The values where nothing was changed: those of the deployment, where it has a say."""
    artifacts = settings.artifacts
    return GlobalSettings(
        artifact_retention_days=artifacts.retention_days,
        artifact_execution_bytes=min(artifacts.execution_bytes, 2**50),
        cache_project_bytes=min(artifacts.cache_bytes, 2**50),
        cache_unused_days=min(artifacts.cache_days, 3650),
    )
