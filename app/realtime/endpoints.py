"""The realtime API: what is asked often, answered from the cache; and the way to sockets."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app import __version__
from app.auth.dependencies import Administrator, Caller, CurrentUser, Public
from app.auth.errors import AdministratorOnly
from app.core.dependencies import ReadSession
from app.core.errors import Unauthenticated, Unavailable
from app.executions.errors import ExecutionNotFound
from app.logs.answers import Answer, execution_answer
from app.logs.dependencies import ExecutionId, ExecutionLog, FollowerOf
from app.logs.parts import LogPositionIsUnknown
from app.pipelines.dependencies import PipelineId
from app.pipelines.errors import PipelineNotFound
from app.realtime import reads
from app.realtime.asyncapi import asyncapi
from app.realtime.dependencies import (
    FiltersOf,
    ForgetterOf,
    GaugeOf,
    RealtimeOf,
    RoutesOf,
    SinceOf,
    StreamWindow,
)
from app.realtime.forgetting import NamespaceIsNotPurgeable
from app.realtime.pages import page
from app.realtime.schemas import (
    CacheInvalidate,
    CacheInvalidated,
    CacheStatistics,
    PipelineStatus,
    PipelineStatuses,
    RouteList,
    SystemMetrics,
    Ticket,
)
from app.realtime.sse import stream_topic
from app.realtime.topics import TopicIsUnknown

router = APIRouter(tags=["realtime"])
pages = APIRouter(tags=["realtime"], dependencies=[Public])
"""Beside the API: what looks at no data."""


@pages.get("/asyncapi.json", response_class=JSONResponse)
async def read_asyncapi() -> JSONResponse:
    """The AsyncAPI document of the sockets."""
    return JSONResponse(asyncapi(__version__))


@pages.get("/live", include_in_schema=False)
async def read_live() -> Response:
    """The page that shows executions live."""
    return page("live.html")


@pages.get("/live/{name}", include_in_schema=False)
async def read_live_file(name: str) -> Response:
    """Scripts and styles of that page."""
    return page(name)


@router.get("/pipelines/status", response_model=PipelineStatuses)
async def list_pipeline_statuses(
    request: Request, principal: Caller, filters: FiltersOf
) -> Response:
    """Pipelines as they stand, newest first."""
    return await reads.pipeline_statuses.answer(request, principal, filters)


@router.get(
    "/pipelines/{pipeline_id}/status",
    response_model=PipelineStatus,
    responses={404: PipelineNotFound.doc()},
)
async def read_pipeline_status(
    request: Request, principal: Caller, pipeline_id: PipelineId
) -> Response:
    """One pipeline as it stands."""
    return await reads.pipeline_status.answer(request, principal, pipeline_id)


@router.get(
    "/system/metrics",
    response_model=SystemMetrics,
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)
async def read_system_metrics(
    request: Request, _principal: Administrator, gauge: GaugeOf
) -> Response:
    """Executions, queues, workers, cache, sockets and host."""
    return await reads.system_metrics.answer(request, gauge.measure)


@router.get("/cache/stats", responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()})
async def read_cache_statistics(
    _principal: Administrator, forgetter: ForgetterOf
) -> CacheStatistics:
    """Keys, memory and hit ratio of each Redis namespace."""
    return await forgetter.statistics()


@router.post(
    "/cache/invalidate",
    responses={
        401: Unauthenticated.doc(),
        403: AdministratorOnly.doc(),
        422: NamespaceIsNotPurgeable.doc(),
        503: Unavailable.doc(),
    },
)
async def invalidate_cache(
    _principal: Administrator, body: CacheInvalidate, forgetter: ForgetterOf
) -> CacheInvalidated:
    """Forget answers by tag, or all of a namespace."""
    return await forgetter.forget(body)


@router.get(
    "/settings/api-endpoints/",
    responses={401: Unauthenticated.doc(), 403: AdministratorOnly.doc()},
)
async def list_routes(_principal: Administrator, routes: RoutesOf) -> RouteList:
    """Every route with its calls, times and cache ratio, counted in this process."""
    return routes


@router.get(
    "/realtime/stream",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "The topic's events"},
        401: Unauthenticated.doc(),
        404: TopicIsUnknown.doc(),
    },
)
async def stream(
    principal: CurrentUser,
    realtime: RealtimeOf,
    topic: Annotated[str, Query(max_length=200, description="`execution:<id>`, `system`, …")],
    since: SinceOf,
) -> StreamingResponse:
    """The present of a topic, then every change, as server-sent events."""
    return await stream_topic(realtime, principal, topic, since)


@router.get(
    "/executions/{execution_id}/logs/stream",
    response_model=None,
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Lines as they are printed"},
        400: LogPositionIsUnknown.doc(),
        404: ExecutionNotFound.doc(),
    },
)
async def stream_log(
    log: ExecutionLog,
    execution_id: ExecutionId,
    session: ReadSession,
    follower: FollowerOf,
    window: StreamWindow,
) -> Answer:
    """The lines of all jobs, live, until the execution ends."""
    return await execution_answer(session, follower, log, window, execution_id=execution_id)


@router.post(
    "/realtime/tickets",
    status_code=201,
    responses={401: Unauthenticated.doc(), 503: Unavailable.doc()},
)
async def create_ticket(principal: CurrentUser, realtime: RealtimeOf) -> Ticket:
    """A one-time ticket to open a socket with, for 30 s."""
    ticket, ttl_s = await realtime.tickets.issue(principal)
    return Ticket(ticket=ticket, expires_in_s=ttl_s)
