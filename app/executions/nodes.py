"""Between rows and the engine's values: the same facts in two forms."""

import uuid
from collections.abc import Mapping
from typing import Any, cast

from app.engine.definition import Definition, Retry
from app.engine.machine.types import Node, NodeKind, Snapshot
from app.executions.models import Execution, Job

_OPTIONS = (
    "cancel_in_progress",
    "fail_fast",
    "max_parallel",
    "continue_on_error",
    "hold",
    "dropped",
)
_REASON_LIMIT = 2000


def node_of(job: Job) -> Node:
    """The machine's view of a row."""
    options = job.options
    return Node(
        key=job.key,
        job_id=job.job_id,
        name=job.name,
        kind=cast(NodeKind, job.kind),
        parent=job.parent,
        path=tuple(job.path),
        needs=tuple(job.needs),
        matrix=job.matrix,
        matrix_index=job.matrix_index,
        matrix_total=job.matrix_total,
        status=job.status,
        reason=job.reason,
        attempt=job.attempt,
        lost=job.lost,
        outputs=job.outputs,
        labels=tuple(job.labels),
        environment=job.environment,
        environment_url=job.environment_url,
        concurrency_group=job.concurrency_group,
        timeout_s=job.timeout_s,
        retry=_retry_of(options.get("retry")),
        retries=options.get("retries", 0),
        not_before=job.not_before,
        inputs=job.inputs,
        gated=job.gated,
        **{name: options[name] for name in _OPTIONS if name in options},
    )


def values_of(node: Node) -> dict[str, Any]:
    """The columns of a row that say what the node says."""
    options: dict[str, Any] = {name: getattr(node, name) for name in _OPTIONS}
    options |= {"retries": node.retries, "retry": _retry_values(node.retry)}
    return {
        "key": node.key,
        "job_id": node.job_id,
        "name": node.name[:500],
        "kind": node.kind,
        "parent": node.parent,
        "path": list(node.path),
        "needs": list(node.needs),
        "matrix": None if node.matrix is None else dict(node.matrix),
        "matrix_index": node.matrix_index,
        "matrix_total": node.matrix_total,
        "status": node.status,
        "reason": node.reason and node.reason[:_REASON_LIMIT],
        "attempt": node.attempt,
        "lost": node.lost,
        "outputs": dict(node.outputs),
        "labels": list(node.labels),
        "environment": node.environment,
        "environment_url": node.environment_url and node.environment_url[:2000],
        "concurrency_group": node.concurrency_group,
        "timeout_s": node.timeout_s,
        "options": options,
        "not_before": node.not_before,
        "inputs": dict(node.inputs),
        "gated": node.gated,
    }


def snapshot_of(
    execution: Execution,
    jobs: list[Job],
    *,
    contexts: Mapping[str, Any],
    files: Mapping[tuple[str, ...], Definition],
    max_worker_lost: int,
) -> Snapshot:
    """The execution as the machine sees it."""
    return Snapshot(
        status=execution.status,
        reason=execution.reason,
        nodes=tuple(node_of(job) for job in jobs),
        contexts=contexts,
        files=files,
        cancel_requested=execution.cancel_requested,
        max_worker_lost=max_worker_lost,
    )


def row_values(
    node: Node, *, job_id: uuid.UUID, execution_id: uuid.UUID, position: int
) -> dict[str, Any]:
    """All values of a new row."""
    return {
        "id": job_id,
        "execution_id": execution_id,
        "position": position,
        "annotations": [],
        **values_of(node),
    }


def _retry_of(values: Mapping[str, Any] | None) -> Retry:
    if values is None:
        return Retry()
    return Retry(
        max_attempts=values["max_attempts"],
        delay_seconds=values["delay_seconds"],
        backoff=values["backoff"],
        on=frozenset(values["on"]),
    )


def _retry_values(retry: Retry) -> dict[str, Any] | None:
    if retry == Retry():
        return None
    return {
        "max_attempts": retry.max_attempts,
        "delay_seconds": retry.delay_seconds,
        "backoff": retry.backoff,
        "on": sorted(retry.on),
    }
