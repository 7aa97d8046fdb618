"""What the realtime API answers; the sockets' snapshots are the same models."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.core.redis import Namespace
from app.core.schemas import Input, Output
from app.engine.states import ExecutionStatus


class LastExecution(Output):
    """The newest execution of a pipeline."""

    id: UUID = Field(description="Its id")
    number: int = Field(description="Its number in the pipeline")
    status: ExecutionStatus = Field(description="Its status")
    created_at: datetime = Field(description="When it was triggered")
    started_at: datetime | None = Field(description="When its first job began")
    finished_at: datetime | None = Field(description="When it ended")


class PipelineStatus(Output):
    """A pipeline as it stands. The figures are over its last 100 executions."""

    id: UUID = Field(description="Id of the pipeline")
    project_id: UUID = Field(description="Its project")
    slug: str = Field(description="Its name in addresses")
    name: str = Field(description="Its name")
    status: ExecutionStatus | None = Field(description="Of the newest execution; null: none yet")
    last_execution: LastExecution | None = Field(description="The newest execution")
    active: int = Field(description="Executions that have not ended")
    finished: int = Field(description="Executions that have ended, cancelled ones included")
    success_rate: float | None = Field(
        description="Successes among those that ended and were not cancelled; null: none"
    )
    average_duration_s: float | None = Field(
        description="Mean seconds from the first job to the end, of successes; null: none"
    )


class PipelineStatuses(Output):
    """One page of pipelines."""

    items: list[PipelineStatus] = Field(description="At most `limit` pipelines, newest first")
    next: str | None = Field(description="Send it as `after` to get the next page; null: the end")


class QueueMetrics(Output):
    """One queue, as the broker tells."""

    name: str = Field(description="Its name")
    ready: int = Field(description="Messages that wait for a worker")
    consumers: int = Field(description="Workers that take from it")


class HostMetrics(Output):
    """The host of the process that answers, sampled every few seconds."""

    cpu_percent: float = Field(description="CPU use of the host over the last interval")
    memory_used_bytes: int = Field(description="Memory in use")
    memory_total_bytes: int = Field(description="Memory there is")
    process_memory_bytes: int = Field(description="Memory of this process")
    load_1m: float = Field(description="Load over one minute")
    sampled_at: datetime = Field(description="When this was measured")


class SystemMetrics(Output):
    """The whole system. What could not be measured is null."""

    executions: dict[str, int] = Field(description="Executions by status")
    jobs: dict[str, int] = Field(description="Jobs that have not ended, by status")
    queues: list[QueueMetrics] | None = Field(description="Queues; null: the broker is away")
    workers_online: int = Field(description="Workers that gave a sign of life lately")
    cache: list[dict[str, Any]] = Field(description="Redis namespaces with their hit ratios")
    connections: dict[str, Any] = Field(description="Open sockets and streams of this process")
    host: HostMetrics | None = Field(description="The host; null: not sampled yet")


class CacheStatistics(Output):
    """The cache and Redis, as this process sees them."""

    namespaces: list[dict[str, Any]] = Field(description="Keys, memory and hits by namespace")
    computed: int = Field(description="Answers computed by this process")
    warm_hits: int = Field(description="Answers given before routing, without Redis and database")


class CacheInvalidate(Input):
    """What is to be forgotten: tags, or all entries of a namespace."""

    tags: list[str] = Field(default=[], max_length=1000, description="Tags to give new versions")
    namespace: str | None = Field(
        default=None, description="`api` or `pipeline`: all its entries are deleted"
    )


class CacheInvalidated(Output):
    """What was forgotten."""

    tags: int = Field(description="Tags with a new version")
    entries: int = Field(description="Entries deleted")


class Ticket(Output):
    """A one-time ticket for a socket."""

    ticket: str = Field(description="Send it as `?ticket=` when opening the socket")
    expires_in_s: float = Field(description="For how many seconds it is good")


class RouteStatistics(Output):
    """One route of this API, counted in this process since its start."""

    method: str = Field(description="HTTP method")
    path: str = Field(description="Path with its parameters")
    summary: str = Field(description="What it does")
    calls: int = Field(description="How often it answered")
    errors: int = Field(description="Answers with a status of 500 and above")
    mean_ms: float | None = Field(description="Mean time to answer; null: never called")
    p95_ms: float | None = Field(description="95 of 100 of the last 512 answers were faster")
    cache_ratio: float | None = Field(description="Answers from the cache; null: not cached")


class RouteList(Output):
    """All routes."""

    items: list[RouteStatistics] = Field(description="By path")


PURGEABLE = (Namespace.API, Namespace.PIPELINE)
