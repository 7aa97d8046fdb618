"""What the API takes and gives about global settings."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from app.configuration.models import ChangedSetting
from app.configuration.registry import (
    Creators,
    Days,
    DaysOrNone,
    DefaultVisibility,
    GlobalSettings,
    Hours,
    Minutes,
    Size,
)
from app.core.schemas import Input, Output


class SettingsUpdate(Input):
    """Changes of global settings; absent fields stay, null puts one back to its default."""

    artifact_retention_days: Days | None = Field(default=None, description="Days", examples=[30])
    artifact_execution_bytes: Size | None = Field(default=None, description="Bytes")
    cache_project_bytes: Size | None = Field(default=None, description="Bytes")
    cache_unused_days: Days | None = Field(default=None, description="Days")
    project_creators: Creators | None = Field(default=None, description="Who makes projects")
    project_visibility: DefaultVisibility | None = Field(
        default=None, description="Of new projects"
    )
    long_running_minutes: Minutes | None = Field(default=None, description="Minutes")
    token_longest_days: DaysOrNone | None = Field(default=None, description="Days; 0: for ever")
    approval_hours: Hours | None = Field(default=None, description="Hours")
    log_archive_days: DaysOrNone | None = Field(default=None, description="Days; 0: never")


class SettingRead(Output):
    """A global setting."""

    name: str = Field(description="Its name in a change")
    meaning: str = Field(description="What it does")
    value: int | str = Field(description="In effect")
    default: int | str = Field(description="In effect when nobody changes it")
    changed_by: str | None = Field(description="Who changed it last; null: it is at its default")
    changed_at: datetime | None = Field(description="When; null: it is at its default")


class SettingList(Output):
    """All global settings."""

    items: list[SettingRead] = Field(description="In a fixed order")

    @classmethod
    def of(cls, rows: Iterable[ChangedSetting], defaults: GlobalSettings) -> "SettingList":
        """The settings with these changes."""
        changed = {row.name: row for row in rows}
        base = defaults.model_dump(mode="json")
        return cls(
            items=[
                SettingRead(
                    name=name,
                    meaning=field.description or "",
                    value=changed[name].value if name in changed else base[name],
                    default=base[name],
                    changed_by=changed[name].changed_by if name in changed else None,
                    changed_at=changed[name].changed_at if name in changed else None,
                )
                for name, field in GlobalSettings.model_fields.items()
            ]
        )
