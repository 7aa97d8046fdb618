"""What the API gives about how executions went in a period."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import Field

from app.core.schemas import Output
from app.executions.models import Report


class Quantiles(Output):
    """Of all values one half is at most `p50`, 95 in 100 are at most `p95`; seconds."""

    p50: float | None = Field(description="The median; null: there is no value")
    p95: float | None = Field(description="The 95th percentile; null: there is no value")

    @classmethod
    def of(cls, row: Mapping[str, Any], name: str) -> "Quantiles":
        """The two figures called `name` in a row."""
        return cls(p50=_seconds(row.get(f"{name}_p50")), p95=_seconds(row.get(f"{name}_p95")))


def _seconds(value: Any) -> float | None:
    return None if value is None else round(max(0.0, float(value)), 3)


class Figures(Output):
    """How some executions went."""

    executions: int = Field(description="All that were started")
    succeeded: int = Field(description="Those with success")
    failed: int = Field(description="Those with failure, or timed out")
    cancelled: int = Field(description="Those cancelled; the success rate leaves them out")
    success_rate: float | None = Field(
        description="Succeeded of succeeded and failed, 0 to 1; null: none of either"
    )
    duration_s: Quantiles = Field(
        description="From the first claim to the end; without re-runs and cancelled ones"
    )
    wait_s: Quantiles = Field(description="From the trigger to the first claim")

    @staticmethod
    def fields_of(row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields, from a row of the repository; an empty one is no execution."""
        succeeded = int(row.get("success", 0))
        failed = int(row.get("failure", 0)) + int(row.get("timed_out", 0))
        judged = succeeded + failed
        return {
            "executions": int(row.get("executions", 0)),
            "succeeded": succeeded,
            "failed": failed,
            "cancelled": int(row.get("cancelled", 0)),
            "success_rate": round(succeeded / judged, 4) if judged else None,
            "duration_s": Quantiles.of(row, "duration"),
            "wait_s": Quantiles.of(row, "wait"),
        }


class DayFigures(Figures):
    """The executions of one day."""

    day: date = Field(description="The day that they were started on")


class ReportRead(DayFigures):
    """A stored report about the executions of one day."""

    id: uuid.UUID = Field(description="The same whenever this day is computed again")
    pipeline_id: uuid.UUID | None = Field(description="The pipeline; null: the whole project")
    computed_at: datetime = Field(description="When; days of which something may yet end change")

    @classmethod
    def of(cls, row: Report) -> "ReportRead":
        """The report of this row."""
        judged = row.succeeded + row.failed
        return cls(
            id=row.id,
            pipeline_id=row.pipeline_id,
            day=row.day,
            executions=row.executions,
            succeeded=row.succeeded,
            failed=row.failed,
            cancelled=row.cancelled,
            success_rate=round(row.succeeded / judged, 4) if judged else None,
            duration_s=Quantiles(p50=row.duration_p50_s, p95=row.duration_p95_s),
            wait_s=Quantiles(p50=row.wait_p50_s, p95=row.wait_p95_s),
            computed_at=row.computed_at,
        )


class PipelineFigures(Figures):
    """The executions of one pipeline."""

    pipeline_id: uuid.UUID = Field(description="The pipeline")
    pipeline: str = Field(description="Its address in the project")
    name: str = Field(description="Its name, for people")


class SlowJob(Output):
    """A job and how long it takes."""

    pipeline_id: uuid.UUID = Field(description="Its pipeline")
    pipeline: str = Field(description="The address of its pipeline in the project")
    job: str = Field(description="Its key: the id, and the values of its matrix")
    runs: int = Field(description="How many there were")
    duration_s: Quantiles = Field(description="From the claim to the end")
    wait_s: Quantiles = Field(description="From being ready to the claim by a worker")


class SlowStep(Output):
    """A step and how long it takes."""

    pipeline_id: uuid.UUID = Field(description="Its pipeline")
    pipeline: str = Field(description="The address of its pipeline in the project")
    job: str = Field(description="The key of its job")
    step: str = Field(description="Its name")
    runs: int = Field(description="How many there were, each try of its own")
    duration_s: Quantiles = Field(description="From its start to its end")


class FlakyJob(Output):
    """A job that failed and then succeeded, with the same version, ref and commit."""

    pipeline_id: uuid.UUID = Field(description="Its pipeline")
    pipeline: str = Field(description="The address of its pipeline in the project")
    job: str = Field(description="Its key: the id, and the values of its matrix")
    times: int = Field(description="For how many versions, refs and commits this happened")
    failures: int = Field(description="How often it failed there")
    runs: int = Field(description="How often it ran there")


class FlakyStep(FlakyJob):
    """A step that failed and then succeeded, with the same version, ref and commit."""

    step: str = Field(description="Its name")


class Analytics(Output):
    """How the executions of a period went."""

    timezone: str = Field(description="Whose days these are")
    since: date = Field(description="First day")
    until: date = Field(description="Last day: today")
    total: Figures = Field(description="All together")
    by_day: list[DayFigures] = Field(description="Days with executions, oldest first")
    by_pipeline: list[PipelineFigures] = Field(
        description="At most 100 pipelines, those with the most executions first"
    )
    slowest_jobs: list[SlowJob] = Field(description="At most 20, by `p95`")
    slowest_steps: list[SlowStep] = Field(description="At most 20, by `p95`")
    flaky_jobs: list[FlakyJob] = Field(description="At most 20, by `times`")
    flaky_steps: list[FlakyStep] = Field(description="At most 20, by `times`")


def days_of(rows: Sequence[Mapping[str, Any]]) -> list[DayFigures]:
    """The figures of each day."""
    return [
        # Text on SQLite, a date elsewhere.
        DayFigures(day=date.fromisoformat(str(row["day"])), **Figures.fields_of(row))
        for row in rows
    ]


def pipelines_of(rows: Sequence[Mapping[str, Any]]) -> list[PipelineFigures]:
    """The figures of each pipeline."""
    return [
        PipelineFigures(
            pipeline_id=row["pipeline_id"],
            pipeline=row["pipeline"],
            name=row["title"],
            **Figures.fields_of(row),
        )
        for row in rows
    ]


def slow_jobs_of(rows: Sequence[Mapping[str, Any]]) -> list[SlowJob]:
    """Jobs with their times."""
    return [
        SlowJob(
            pipeline_id=row["pipeline_id"],
            pipeline=row["pipeline"],
            job=row["job"],
            runs=row["runs"],
            duration_s=Quantiles.of(row, "duration"),
            wait_s=Quantiles.of(row, "wait"),
        )
        for row in rows
    ]


def slow_steps_of(rows: Sequence[Mapping[str, Any]]) -> list[SlowStep]:
    """Steps with their times."""
    return [
        SlowStep(
            pipeline_id=row["pipeline_id"],
            pipeline=row["pipeline"],
            job=row["job"],
            step=row["step"],
            runs=row["runs"],
            duration_s=Quantiles.of(row, "duration"),
        )
        for row in rows
    ]
