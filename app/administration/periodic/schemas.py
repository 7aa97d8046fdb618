"""What the API gives about periodic work."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from app.administration.models import PeriodicRun, PeriodicWork, RunStatus
from app.administration.periodic.catalog import WORK
from app.core.schemas import Output


class PeriodicRunRead(Output):
    """One time that it was done."""

    id: uuid.UUID = Field(description="Never changes")
    asked_by: str | None = Field(description="Who wanted it now; null: its time had come")
    status: RunStatus = Field(description="`ordered`: no worker has taken it yet")
    reason: str | None = Field(description="Why it failed")
    result: dict[str, Any] = Field(description="What came out of it")
    ordered_at: datetime = Field(description="When it was ordered")
    started_at: datetime | None = Field(description="When a worker took it")
    finished_at: datetime | None = Field(description="When it ended")


class PeriodicWorkRead(Output):
    """Something that is done again and again."""

    name: str = Field(description="Its name in addresses")
    meaning: str = Field(description="What it does")
    every_s: int = Field(description="How often, in seconds")
    next_run_at: datetime = Field(description="When it is done next")
    last_run: PeriodicRunRead | None = Field(description="The newest run; null: none yet")


class PeriodicWorkList(Output):
    """All periodic work."""

    items: list[PeriodicWorkRead] = Field(description="By name")

    @classmethod
    def of(cls, rows: Sequence[tuple[PeriodicWork, PeriodicRun | None]]) -> "PeriodicWorkList":
        """All with their newest runs."""
        return cls(
            items=[
                PeriodicWorkRead(
                    name=work.name,
                    meaning=WORK[work.name].meaning,
                    every_s=work.every_s,
                    next_run_at=work.next_run_at,
                    last_run=None if last is None else PeriodicRunRead.model_validate(last),
                )
                for work, last in rows
            ]
        )
