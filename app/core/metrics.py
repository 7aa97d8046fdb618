"""The `ansflow_*` metrics of a process; HTTP metrics come from the instrumentator."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 21600)

executions = Counter("ansflow_executions", "Executions that ended", ["status"])
job_duration = Histogram(
    "ansflow_job_duration_seconds", "Claim to end of a job", ["status"], buckets=_SECONDS
)
job_wait = Histogram("ansflow_job_wait_seconds", "Queued to claimed", buckets=_SECONDS)
log_bytes = Counter("ansflow_log_bytes", "Log bytes stored, before compression")
queue_messages = Gauge(
    "ansflow_queue_messages", "Ready messages per queue", ["queue"], multiprocess_mode="mostrecent"
)
outbox_lag = Gauge(
    "ansflow_outbox_lag_seconds",
    "Age of the oldest message that is due and not yet published",
    multiprocess_mode="mostrecent",
)
cache_requests = Counter("ansflow_cache_requests", "Cache look-ups", ["namespace", "result"])
connections = Gauge(
    "ansflow_connections", "Open sockets and streams", ["kind"], multiprocess_mode="livesum"
)
redis_failures = Counter("ansflow_redis_failures", "Calls that Redis did not answer", ["namespace"])
rate_limit_open = Counter(
    "ansflow_rate_limit_open", "Requests let through because Redis was away", ["limit"]
)
