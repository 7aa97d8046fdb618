"""Health: measured when asked, all dependencies at once, each within its own deadline."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response, status
from pydantic import Field

from app import __version__
from app.administration.repository import HealthRepository, WorkerRepository
from app.auth.dependencies import Public
from app.core import metrics, migrate
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.logging import logger
from app.core.redis import Namespace, Namespaces, RedisAway
from app.core.schemas import Output
from app.jobs.depths import Depths
from app.jobs.queues import default_queues

log = logger(__name__)
router = APIRouter(prefix="/health", tags=["health"], dependencies=[Public])

DEADLINE_S = 2.0
LAG_IS_BAD_S = 60.0
OWN_ACCOUNT = "account of the worker"
"""What workers that cannot isolate jobs say of themselves."""


_WITHOUT = {
    Namespace.DEFAULT.label: "requests are not limited, tickets for sockets are not given",
    Namespace.CHANNELS.label: "live updates pause",
    Namespace.SESSION.label: "sessions are looked up in the database",
    Namespace.API.label: "answers are not cached",
    Namespace.PIPELINE.label: "answers are not cached",
    Namespace.RESULTS.label: "nothing is kept there now",
}


class State(StrEnum):
    """`degraded`: part of the work waits. `down`: it cannot be used."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Component(Output):
    """One dependency, as it answered just now."""

    status: State = Field(description="How it is")
    latency_ms: float = Field(description="How long the answer took")
    detail: str | None = Field(description="What is wrong and what it means; null: nothing")
    facts: dict[str, int | float | str | None] = Field(description="What was measured")


class Health(Output):
    """The process in short."""

    status: State = Field(description="`ok` or `degraded`: requests are served")
    version: str = Field(description="Version of AnsFlow")


class DetailedHealth(Health):
    """The process and all that it depends on."""

    components: dict[str, Component] = Field(description="By name of the dependency")
    notices: list[str] = Field(description="What whoever runs this installation should know")


class Parts(Protocol):
    """The parts of the runtime that health looks at."""

    database: Database
    redis: Namespaces
    depths: Depths | None


Finding = tuple[State, str | None, dict[str, Any]]


@router.get("/live")
async def live() -> Health:
    """The process answers; it says nothing about what it depends on."""
    return Health(status=State.OK, version=__version__)


@router.get("/ready", responses={503: {"model": Health, "description": "Not ready"}})
@router.get("/", responses={503: {"model": Health, "description": "Not ready"}})
async def ready(request: Request, response: Response) -> Health:
    """Requests can be served: the database answers and has the tables of this version."""
    found = await measure(lambda: check_database(request.app.state.runtime.database))
    response.status_code = _code(found.status)
    return Health(status=found.status, version=__version__)


@router.get("/detailed", responses={503: {"model": DetailedHealth, "description": "Not ready"}})
async def detailed(request: Request, response: Response) -> DetailedHealth:
    """Every dependency, measured now, at once, each within a deadline."""
    health = await inspect(request.app.state.runtime)
    response.status_code = _code(health.status)
    return health


async def inspect(parts: Parts) -> DetailedHealth:
    """Measure everything."""
    checks: dict[str, Callable[[], Awaitable[Finding]]] = {
        "database": lambda: check_database(parts.database),
        "redis": lambda: check_redis(parts.redis),
        "workers": lambda: check_workers(parts.database),
        "outbox": lambda: check_outbox(parts.database),
    }
    if (depths := parts.depths) is not None:
        checks["queues"] = lambda: check_queues(depths)
    found = await asyncio.gather(*(measure(check) for check in checks.values()))
    components = dict(zip(checks, found, strict=True))
    all_ok = all(each.status is State.OK for each in found)
    overall = State.OK if all_ok else State.DEGRADED
    if components["database"].status is State.DOWN:
        overall = State.DOWN
    return DetailedHealth(
        status=overall, version=__version__, components=components, notices=_notices(components)
    )


async def sample(request: Request) -> None:
    """Measure, for `/metrics`, what no event tells."""
    parts = request.app.state.runtime
    checks = [measure(lambda: check_outbox(parts.database))]
    if parts.depths is not None:
        checks.append(measure(lambda: check_queues(parts.depths)))
    await asyncio.gather(*checks)


async def check_database(database: Database) -> Finding:
    """Does it answer, and does it have the tables of this version?"""
    revision = await migrate.current(database)
    head = migrate.head()
    if revision != head:
        detail = f"its tables are at revision {revision or 'none'}, not {head}: ansflow migrate"
        return State.DOWN, detail, {"revision": revision}
    return State.OK, None, {"revision": revision}


async def check_redis(redis: Namespaces) -> Finding:
    """Does every namespace answer?"""
    answers = await asyncio.gather(*(each.ping() for each in redis), return_exceptions=True)
    away = [
        each.namespace.label
        for each, answer in zip(redis, answers, strict=True)
        if isinstance(answer, BaseException)
    ]
    facts = {"namespaces": len(answers), "away": len(away)}
    if away:
        meaning = "; ".join(dict.fromkeys(_WITHOUT[label] for label in away))
        return State.DEGRADED, f"{', '.join(away)} away: {meaning}", facts
    return State.OK, None, facts


async def check_queues(depths: Depths) -> Finding:
    """How many messages wait, and does anybody take them?"""
    try:
        found = await depths.of(default_queues())
    except Unavailable:
        for queue in default_queues():
            # Not the last known depth: nobody knows it now.
            metrics.queue_messages.labels(queue).set(math.nan)
        raise
    for queue, depth in found.items():
        metrics.queue_messages.labels(queue).set(depth.ready)
    facts = {queue: depth.ready for queue, depth in found.items()}
    idle = [queue for queue, depth in found.items() if depth.ready and not depth.consumers]
    if idle:
        return State.DEGRADED, f"nobody takes the messages of {', '.join(idle)}", facts
    return State.OK, None, facts


async def check_workers(database: Database) -> Finding:
    """Is there anybody to run jobs?"""
    async with database.read() as session:
        workers = await WorkerRepository(session).online()
    unisolated = sum(worker.isolation == OWN_ACCOUNT for worker in workers)
    facts = {
        "online": len(workers),
        "slots": sum(worker.concurrency for worker in workers),
        "without_isolation": unisolated,
    }
    if not workers:
        return State.DEGRADED, "no worker is online: jobs wait", facts
    return State.OK, None, facts


async def check_outbox(database: Database) -> Finding:
    """Do messages leave?"""
    async with database.read() as session:
        lag_s = await HealthRepository(session).outbox_lag_s()
    metrics.outbox_lag.set(lag_s)
    facts = {"lag_s": round(lag_s, 3)}
    if lag_s > LAG_IS_BAD_S:
        return State.DEGRADED, f"the oldest message has waited {lag_s:.0f} s", facts
    return State.OK, None, facts


async def measure(check: Callable[[], Awaitable[Finding]]) -> Component:
    """Run a check; whatever goes wrong is what it found."""
    began = time.perf_counter()
    task = asyncio.ensure_future(check())
    # Not asyncio.timeout: a driver that swallows the cancellation would hold up the answer.
    await asyncio.wait({task}, timeout=DEADLINE_S)
    if not task.done():
        task.cancel()
        task.add_done_callback(_forget)
        found: Finding = (State.DOWN, f"no answer within {DEADLINE_S:.0f} s", {})
    else:
        found = _outcome(task)
    state, detail, facts = found
    latency_ms = round((time.perf_counter() - began) * 1000, 2)
    return Component(status=state, latency_ms=latency_ms, detail=detail, facts=facts)


def _outcome(task: "asyncio.Future[Finding]") -> Finding:
    error = task.exception()
    if error is None:
        return task.result()
    if not isinstance(error, (Unavailable, RedisAway, OSError)):
        log.error("health_check_failed", exc_info=error)
    # The text of the error may name hosts and accounts; anybody may read this answer.
    return State.DOWN, "cannot be reached; the log says why", {}


def _forget(task: "asyncio.Future[Finding]") -> None:
    if not task.cancelled():
        task.exception()


def _notices(components: dict[str, Component]) -> list[str]:
    if components["workers"].facts.get("without_isolation"):
        return [
            (
                "Jobs run under the worker's own account: whoever may edit a pipeline acts as that "
                "account. Run the worker as root, so that each job gets an account of its own."
            )
        ]
    return []


def _code(state: State) -> int:
    return status.HTTP_503_SERVICE_UNAVAILABLE if state is State.DOWN else status.HTTP_200_OK
