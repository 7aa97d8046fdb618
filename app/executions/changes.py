"""The columns that a decision of the machine changes. Times are the database's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.clock import new_id
from app.engine.machine.types import Decision, Dispatch, Node
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, ExecutionStatus, JobStatus
from app.executions.models import Execution, Job
from app.executions.nodes import row_values, values_of
from app.jobs.catalog import RunJob
from app.jobs.outbox import Queued
from app.jobs.queues import queue_for


def dispatches(decision: Decision) -> dict[str, Dispatch]:
    """The dispatches of a decision by key."""
    return {one.key: one for one in decision.commands if isinstance(one, Dispatch)}


def messages_of(
    execution: Execution, by_key: Mapping[str, Job], decision: Decision
) -> list[Queued]:
    """The messages that have the jobs run that a decision dispatches."""
    nodes = {node.key: node for node in decision.snapshot.nodes}
    return [
        Queued(
            RunJob(job_id=by_key[command.key].id, attempt=command.attempt),
            queue=queue_for(execution.priority, nodes[command.key].labels),
            not_before=command.not_before,
        )
        for command in decision.commands
        if isinstance(command, Dispatch)
    ]


def stand_in(row: Mapping[str, Any]) -> Job:
    """A row that was just inserted in bulk, as far as commands need it."""
    return Job(id=row["id"], key=row["key"], attempt=row["attempt"], claim_token=None)


def new_row(
    execution: Execution, node: Node, position: int, dispatch: Dispatch | None, *, now: datetime
) -> dict[str, Any]:
    """The row of a new node; queued ones have their queue. `now` is the database's time."""
    values = row_values(node, job_id=new_id(), execution_id=execution.id, position=position)
    queue = None
    if dispatch is not None:
        queue = queue_for(execution.priority, node.labels)
    return {
        **values,
        "queue": queue,
        "queued_at": now if dispatch is not None or node.status == JobStatus.WAITING else None,
        "sweep_after": now if dispatch is not None else None,
        "finished_at": now if node.status in TERMINAL_JOB else None,
    }


def leaves_worker(before: Node, node: Node) -> bool:
    """Whether the attempt is no longer at a worker."""
    held = before.status in (JobStatus.RUNNING, JobStatus.CANCELLING)
    return held and node.status not in (JobStatus.RUNNING, JobStatus.CANCELLING)


def changed_values(
    execution: Execution, before: Node, node: Node, dispatch: Dispatch | None, *, now: datetime
) -> dict[str, Any]:
    """What changes in the row of a node that is there already."""
    was, new = values_of(before), values_of(node)
    values = {name: value for name, value in new.items() if value != was[name]}
    if leaves_worker(before, node):
        values |= {"claim_token": None, "lease_until": None}
    if node.attempt != before.attempt:
        values |= {"started_at": None, "finished_at": None, "worker_id": None, "cancel_level": 0}
        values |= {"claim_token": None, "lease_until": None, "annotations": []}
    if node.status == JobStatus.WAITING != before.status:
        values["queued_at"] = now
    if dispatch is not None:
        values |= {
            "queue": queue_for(execution.priority, node.labels),
            "queued_at": now,
            "sweep_after": now,
        }
    if node.status in TERMINAL_JOB and before.status not in TERMINAL_JOB:
        values["finished_at"] = now
    if node.kind != "job" and node.status == JobStatus.RUNNING != before.status:
        values["started_at"] = now
    return values


def archived_row(job: Job, *, now: datetime) -> dict[str, Any]:
    """The row that keeps an attempt which is about to be replaced."""
    # An attempt that did not end by itself ends as it is replaced.
    replaced_at = None if job.started_at is None else now
    return {
        "job_id": job.id,
        "attempt": job.attempt,
        "status": str(job.status),
        "reason": job.reason,
        "outputs": job.outputs,
        "worker_id": job.worker_id,
        "started_at": job.started_at,
        "finished_at": job.finished_at or replaced_at,
    }


def status_values(
    execution: Execution, status: ExecutionStatus, *, now: datetime
) -> dict[str, Any]:
    """What changes in an execution that gets this status."""
    values: dict[str, Any] = {"status": status}
    if status == ExecutionStatus.RUNNING and execution.started_at is None:
        values["started_at"] = now
    if status in TERMINAL_EXECUTION:
        values["finished_at"] = now
    elif execution.status in TERMINAL_EXECUTION:
        values["finished_at"] = None
    return values
