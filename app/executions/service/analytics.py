"""How executions went: success, times, what is slow and what is flaky. Cached per caller."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from app.auth.principals import Principal
from app.core.cache import cached
from app.core.db import ReadSession
from app.core.redis import Namespace
from app.executions.days import day_of, start_of, with_ends
from app.executions.figures import (
    Analytics,
    Figures,
    FlakyJob,
    FlakyStep,
    days_of,
    pipelines_of,
    slow_jobs_of,
    slow_steps_of,
)
from app.executions.repository.analytics import AnalyticsRepository, Period
from app.jobs.tags import PIPELINES, RIGHTS, executions_of, rights_of

TTL_S = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What figures are about: a project or one of its pipelines, and how many days of which
    time zone, back from today, which is one of them."""

    project_id: uuid.UUID
    pipeline_id: uuid.UUID | None
    days: int
    timezone: str


def _key(principal: Principal, wanted: Wanted) -> str:
    about = f"{wanted.project_id} {wanted.pipeline_id} {wanted.days} {wanted.timezone}"
    return f"{principal.user_id} {about}"


def _tags(_principal: Principal, wanted: Wanted) -> list[str]:
    return [PIPELINES, executions_of(wanted.project_id)]


def _rights(principal: Principal, _wanted: Wanted) -> list[str]:
    return [RIGHTS, rights_of(principal.user_id)]


@cached(Namespace.API, ttl_s=TTL_S, key=_key, tags=_tags, rights=_rights)
async def analytics(session: ReadSession, /, _principal: Principal, wanted: Wanted) -> Analytics:
    """The figures of a project, or of one of its pipelines, which the caller may see."""
    repository = AnalyticsRepository(session)
    today = day_of(await repository.now(), wanted.timezone)
    first = today - timedelta(days=wanted.days - 1)
    days = [] if wanted.timezone == "UTC" else with_ends(first, today, wanted.timezone)
    since = start_of(first, wanted.timezone)
    period = Period(wanted.project_id, wanted.pipeline_id, since, days)
    return Analytics(
        timezone=wanted.timezone,
        since=first,
        until=today,
        total=Figures(**Figures.fields_of(await repository.total(period))),
        by_day=days_of(await repository.by_day(period)),
        by_pipeline=pipelines_of(await repository.by_pipeline(period)),
        slowest_jobs=slow_jobs_of(await repository.slowest_jobs(period)),
        slowest_steps=slow_steps_of(await repository.slowest_steps(period)),
        flaky_jobs=[FlakyJob.model_validate(row) for row in await repository.flaky_jobs(period)],
        flaky_steps=[FlakyStep.model_validate(row) for row in await repository.flaky_steps(period)],
    )
