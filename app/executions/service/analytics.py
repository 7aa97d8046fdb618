"""How executions went: success, times, what is slow and what is flaky. Cached per caller."""

import uuid
from datetime import UTC, datetime, time, timedelta

from app.auth.principals import Principal
from app.core.cache import cached
from app.core.db import ReadSession
from app.core.redis import Namespace
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


def _key(
    principal: Principal, project_id: uuid.UUID, pipeline_id: uuid.UUID | None, days: int
) -> str:
    return f"{principal.user_id} {project_id} {pipeline_id} {days}"


def _tags(
    _principal: Principal, project_id: uuid.UUID, _pipeline_id: uuid.UUID | None, _days: int
) -> list[str]:
    return [PIPELINES, executions_of(project_id)]


def _rights(
    principal: Principal, _project_id: uuid.UUID, _pipeline_id: uuid.UUID | None, _days: int
) -> list[str]:
    return [RIGHTS, rights_of(principal.user_id)]


@cached(Namespace.API, ttl_s=TTL_S, key=_key, tags=_tags, rights=_rights)
async def analytics(
    session: ReadSession,
    /,
    _principal: Principal,
    _project_id: uuid.UUID,
    _pipeline_id: uuid.UUID | None,
    _days: int,
) -> Analytics:
    """The figures of a project, or of one of its pipelines, which the caller may see.

    Parameters: `_days` counts whole days in UTC back from today, which is one of them.
    """
    repository = AnalyticsRepository(session)
    today = await repository.today()
    first = today - timedelta(days=_days - 1)
    period = Period(_project_id, _pipeline_id, datetime.combine(first, time(), UTC))
    return Analytics(
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
