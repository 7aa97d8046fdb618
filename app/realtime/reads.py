"""The cached reads of the realtime API."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from app.auth.principals import Principal
from app.core.cache import cached
from app.core.db import ReadSession
from app.core.redis import Namespace
from app.jobs.tags import EXECUTIONS, PIPELINES, RIGHTS, executions_of, rights_of
from app.pipelines.errors import PipelineNotFound
from app.realtime.schemas import PipelineStatus, PipelineStatuses, SystemMetrics
from app.realtime.statuses import StatusFilters, StatusRepository

STATUS_TTL_S = 60.0
METRICS_TTL_S = 30.0
Gather = Callable[[ReadSession], Awaitable[SystemMetrics]]


def scope_of(principal: Principal) -> str:
    """Who may see the same: administrators among themselves, everybody else alone."""
    if principal.is_administrator:
        return "administrator"
    return f"user:{principal.user_id}:{','.join(sorted(principal.scopes))}"


def _rights(principal: Principal) -> list[str]:
    return [RIGHTS, rights_of(principal.user_id)]


def _page_key(principal: Principal, filters: StatusFilters) -> str:
    return f"{scope_of(principal)} {filters.key}"


def _page_tags(_principal: Principal, filters: StatusFilters) -> list[str]:
    project = filters.project_id
    return [PIPELINES, EXECUTIONS if project is None else executions_of(project)]


def _page_rights(principal: Principal, _filters: StatusFilters) -> list[str]:
    return _rights(principal)


@cached(
    Namespace.PIPELINE,
    ttl_s=STATUS_TTL_S,
    key=_page_key,
    tags=_page_tags,
    rights=_page_rights,
)
async def pipeline_statuses(
    session: ReadSession, /, _principal: Principal, _filters: StatusFilters
) -> PipelineStatuses:
    """A page of pipelines as they stand."""
    return await StatusRepository(session).page(_principal, _filters)


def _one_key(principal: Principal, pipeline_id: UUID) -> str:
    return f"{scope_of(principal)} {pipeline_id}"


def _one_tags(_principal: Principal, _pipeline_id: UUID) -> list[str]:
    return [PIPELINES, EXECUTIONS]


def _one_rights(principal: Principal, _pipeline_id: UUID) -> list[str]:
    return _rights(principal)


@cached(Namespace.PIPELINE, ttl_s=STATUS_TTL_S, key=_one_key, tags=_one_tags, rights=_one_rights)
async def pipeline_status(
    session: ReadSession, /, _principal: Principal, _pipeline_id: UUID
) -> PipelineStatus:
    """One pipeline as it stands."""
    status = await StatusRepository(session).of_pipeline(_pipeline_id, _principal)
    if status is None:
        raise PipelineNotFound
    return status


def _metrics_key(_gather: Gather) -> str:
    return ""


def _metrics_tags(_gather: Gather) -> list[str]:
    return [RIGHTS]


@cached(
    Namespace.PIPELINE,
    ttl_s=METRICS_TTL_S,
    key=_metrics_key,
    tags=_metrics_tags,
    rights=_metrics_tags,
)
async def system_metrics(session: ReadSession, /, _gather: Gather) -> SystemMetrics:
    """The whole system, for administrators."""
    return await _gather(session)
