"""What the API takes and gives about schedules."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from app.core.schemas import Input, Output, Prose
from app.executions.schemas import Ref
from app.triggers.schedules.models import CatchUp, FireStatus, Overlap

Cron = Annotated[
    str,
    StringConstraints(min_length=9, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Field(
        description="Minute, hour, day of month, month, day of week, as for cron",
        examples=["30 6 * * MON-FRI"],
    ),
]
TimeZone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Field(description="IANA name of the time zone of `cron`", examples=["Europe/Berlin"]),
]
Inputs = dict[
    Annotated[str, StringConstraints(max_length=255)],
    Annotated[str, StringConstraints(max_length=64 * 1024)] | bool | int | float | None,
]


class ScheduleCreate(Input):
    """A new schedule of a pipeline."""

    cron: Cron
    timezone: TimeZone = "UTC"
    description: Prose = Field(default="", description="What it is for")
    ref: Ref | None = Field(
        default=None, description="Full ref that runs", examples=["refs/heads/main"]
    )
    inputs: Inputs = Field(
        default={},
        max_length=100,
        description="Values of the pipeline's `workflow_dispatch` inputs",
        examples=[{"environment": "staging"}],
    )
    enabled: bool = Field(default=True, description="Whether it fires")
    overlap: Overlap = Field(
        default=Overlap.ALLOW,
        description="While an earlier execution of it runs: start another one, skip, wait for its "
        "end, or cancel it",
    )
    catch_up: CatchUp = Field(
        default=CatchUp.NONE,
        description="Fires of a time in which no scheduler ran: none, the latest one, or all (at "
        "most the last 100)",
    )


class ScheduleUpdate(Input):
    """Changes of a schedule; absent fields stay. Whoever changes it answers for it from then on."""

    cron: Cron = "0 0 * * *"
    timezone: TimeZone = "UTC"
    description: Prose = Field(default="", description="What it is for")
    ref: Ref | None = Field(
        default=None, description="Full ref that runs", examples=["refs/heads/main"]
    )
    inputs: Inputs = Field(default={}, max_length=100, description="Values of inputs")
    enabled: bool = Field(default=True, description="Whether it fires")
    overlap: Overlap = Field(default=Overlap.ALLOW, description="While an earlier one runs")
    catch_up: CatchUp = Field(default=CatchUp.NONE, description="After a time without scheduler")


class ScheduleRead(Output):
    """A schedule."""

    id: uuid.UUID = Field(description="Never changes")
    project_id: uuid.UUID = Field(description="Its project")
    pipeline_id: uuid.UUID = Field(description="What it starts")
    owner_id: uuid.UUID | None = Field(
        description="Who made or last changed it: their rights count when it fires"
    )
    description: str = Field(description="What it is for")
    cron: str = Field(description="Minute, hour, day of month, month, day of week")
    timezone: str = Field(description="The time zone of `cron`")
    ref: str | None = Field(description="What runs")
    inputs: dict[str, str | bool | int | float | None] = Field(description="Values of inputs")
    enabled: bool = Field(validation_alias="is_enabled", description="Whether it fires")
    defined: bool = Field(
        validation_alias="is_defined", description="Whether it stands in the pipeline file"
    )
    overlap: Overlap = Field(description="While an earlier execution of it runs")
    catch_up: CatchUp = Field(description="After a time in which no scheduler ran")
    next_fire_at: datetime | None = Field(description="When it fires next; null: never")
    last_fire_at: datetime | None = Field(description="When it fired last")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="When it was last changed")


class FireRead(Output):
    """One fire of a schedule."""

    id: uuid.UUID = Field(description="Never changes")
    fire_at: datetime = Field(description="The moment that the schedule names")
    status: FireStatus = Field(description="What became of it")
    reason: str | None = Field(description="Why it waits or started nothing")
    execution_id: uuid.UUID | None = Field(description="What it started")
    recorded_at: datetime = Field(description="When the scheduler saw it")


class Upcoming(Output):
    """When a schedule will fire."""

    fires: list[datetime] = Field(description="The next moments, in UTC, in order")
