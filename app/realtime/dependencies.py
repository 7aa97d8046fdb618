"""What realtime endpoints declare."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query
from starlette.requests import Request

from app.core.route_times import RouteTimes
from app.engine.states import ExecutionStatus
from app.logs.dependencies import Window, WindowOf
from app.realtime.entry import Realtime
from app.realtime.forgetting import Forgetter
from app.realtime.measuring import SystemGauge
from app.realtime.schemas import RouteList, RouteStatistics
from app.realtime.statuses import StatusFilters


def status_filters(
    project_id: Annotated[UUID | None, Query(description="Only of this project")] = None,
    status: Annotated[
        ExecutionStatus | None, Query(description="Only where the newest execution has it")
    ] = None,
    search: Annotated[
        str | None, Query(max_length=100, description="Only where the name has this text in it")
    ] = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Entries per page")] = 50,
) -> StatusFilters:
    """Which pipelines a request asks for."""
    return StatusFilters(project_id, status, search, after, limit)


def since_of(
    since: Annotated[
        str | None, Query(max_length=100, description="The last event that was seen")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="As `since`; browsers send it by themselves")
    ] = None,
) -> str | None:
    """Where a stream resumes."""
    return last_event_id or since


def stream_window(window: WindowOf) -> Window:
    """Where the lines of a stream begin."""
    return replace(window, follow=True)


def realtime_of(request: Request) -> Realtime:
    """The realtime parts of this process."""
    realtime: Realtime = request.app.state.runtime.realtime
    return realtime


def gauge_of(request: Request) -> SystemGauge:
    """What measures the system."""
    runtime = request.app.state.runtime
    return SystemGauge(
        runtime.redis, runtime.realtime.connections, runtime.realtime.host, runtime.depths
    )


def forgetter_of(request: Request) -> Forgetter:
    """What looks into the cache and empties it."""
    runtime = request.app.state.runtime
    return Forgetter(runtime.redis, runtime.cache, runtime.hits)


def routes_of(request: Request) -> RouteList:
    """All documented routes with their figures."""
    times: dict[tuple[str, str], RouteTimes] = request.app.state.route_times
    items = [
        _route(method, path, summary, times.get((method, path), RouteTimes()))
        for method, path, summary in _documented(request.app.openapi())
    ]
    return RouteList(items=items)


def _documented(
    document: dict[str, dict[str, dict[str, dict[str, str]]]],
) -> Sequence[tuple[str, str, str]]:
    return sorted(
        (method.upper(), path, operation.get("summary", ""))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict)
    )


def _route(method: str, path: str, summary: str, times: RouteTimes) -> RouteStatistics:
    return RouteStatistics(
        method=method,
        path=path,
        summary=summary,
        calls=times.calls,
        errors=times.errors,
        mean_ms=times.mean_ms,
        p95_ms=times.p95_ms,
        cache_ratio=times.hits / times.calls if times.hits else None,
    )


FiltersOf = Annotated[StatusFilters, Depends(status_filters)]
StreamWindow = Annotated[Window, Depends(stream_window)]
SinceOf = Annotated[str | None, Depends(since_of)]
RealtimeOf = Annotated[Realtime, Depends(realtime_of)]
GaugeOf = Annotated[SystemGauge, Depends(gauge_of)]
ForgetterOf = Annotated[Forgetter, Depends(forgetter_of)]
RoutesOf = Annotated[RouteList, Depends(routes_of)]
