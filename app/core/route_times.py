"""How often each route answered and how long it took, in this process since its start."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.cache.hits import SCOPE_HIT, route_path

_REMEMBERED = 512


@dataclass(slots=True)
class RouteTimes:
    """One route."""

    calls: int = 0
    errors: int = 0
    hits: int = 0
    total_s: float = 0.0
    last_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def count(self, seconds: float, status: int, *, hit: bool) -> None:
        """One more answer."""
        self.calls += 1
        self.total_s += seconds
        self.last_s.append(seconds)
        self.errors += status >= 500
        self.hits += hit

    @property
    def mean_ms(self) -> float | None:
        """Mean time to answer; None: never called."""
        return round(self.total_s / self.calls * 1000, 3) if self.calls else None

    @property
    def p95_ms(self) -> float | None:
        """95 of 100 of the last answers were at least as fast; None: never called."""
        return round(_percentile(self.last_s, 0.95) * 1000, 3) if self.last_s else None


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class RouteClock:
    """Counts every answer under its route; what matched no route is not counted."""

    def __init__(self, app: ASGIApp, *, times: dict[tuple[str, str], RouteTimes]) -> None:
        self.app = app
        self._times = times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                path = scope[SCOPE_HIT] if SCOPE_HIT in scope else route_path(scope)
                seconds, is_hit = time.perf_counter() - began, SCOPE_HIT in scope
                count(self._times, (scope["method"], path), seconds, status, hit=is_hit)
            await send(message)

        await self.app(scope, receive, watched)


def count(
    times: dict[tuple[str, str], RouteTimes],
    route: tuple[str, str | None],
    seconds: float,
    status: int,
    *,
    hit: bool,
) -> None:
    """Count an answer under its method and the path of its route; None: no route, not counted."""
    method, path = route
    if path is None:
        return
    found = times.get((method, path))
    if found is None:
        found = times[method, path] = RouteTimes()
    found.count(seconds, status, hit=hit)
