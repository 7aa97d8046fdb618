"""Applies what the machine decides: one transaction, under the lock of the execution.

Cost of one event: lock and read the execution (1 statement), its jobs (1), one UPDATE for each job
that changed, the events (1), the execution (1), the messages (1); the definition comes from the
process's memory, since a version never changes.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.core.clock import db_now, new_id
from app.core.db import AsyncSession
from app.engine.machine import advance
from app.engine.machine.types import (
    Decision,
    Dispatch,
    Event,
    JobClaimed,
    Node,
    OpenGate,
    ReleaseGroup,
    StopJob,
)
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, ExecutionStatus, JobStatus
from app.events import CancelWanted, publish_after_commit
from app.executions.groups import ask_gates, release_groups
from app.executions.history import events_of, record
from app.executions.measuring import measure_jobs, measure_wait
from app.executions.models import Execution, Job
from app.executions.nodes import row_values, snapshot_of, values_of
from app.executions.repository.moving import MovingRepository
from app.jobs.catalog import RunJob
from app.jobs.outbox import Queued, enqueue_all
from app.jobs.queues import queue_for
from app.pipelines.definitions import Files


@dataclass(slots=True)
class Locked:
    """A locked execution with its jobs and what its engine needs to know. `now` is the database's
    time when the lock was taken."""

    execution: Execution
    jobs: list[Job]
    contexts: Mapping[str, Any]
    files: Files
    now: datetime
    max_worker_lost: int = 2
    by_key: dict[str, Job] = field(init=False)

    def __post_init__(self) -> None:
        self.by_key = {job.key: job for job in self.jobs}


async def apply(session: AsyncSession, locked: Locked, event: Event) -> Decision:
    """Advance a locked execution by one event and write what follows.

    Returns the decision; when it changed nothing, nothing was written.
    """
    snapshot = snapshot_of(
        locked.execution,
        locked.jobs,
        contexts=locked.contexts,
        files=locked.files,
        max_worker_lost=locked.max_worker_lost,
    )
    decision = advance(snapshot, event, now=locked.now)
    if decision.snapshot is snapshot:
        return decision
    old = {node.key: node for node in snapshot.nodes}
    await _write_nodes(session, locked, old, decision)
    await _write_execution(session, locked, decision, cause=type(event).__name__)
    await do_commands(session, locked.execution, locked.by_key, decision, now=locked.now)
    return decision


async def _write_nodes(
    session: AsyncSession, locked: Locked, old: Mapping[str, Node], decision: Decision
) -> None:
    repository = MovingRepository(session)
    created: list[dict[str, Any]] = []
    ended: list[uuid.UUID] = []
    archived: list[dict[str, Any]] = []
    dispatched = dispatches(decision)
    position = max((job.position for job in locked.jobs), default=-1)
    for node in decision.snapshot.nodes:
        before = old.get(node.key)
        if before is None:
            position += 1
            due = dispatched.get(node.key)
            created.append(new_row(locked.execution, node, position, due, now=locked.now))
        elif node is not before and node != before:
            job = locked.by_key[node.key]
            if node.attempt != before.attempt:
                archived.append(_archived(job, now=locked.now))
            if job.started_at is not None and _leaves_worker(before, node):
                ended.append(job.id)
            await repository.update_job(
                job.id, _changed_values(locked.execution, before, node, dispatched.get(node.key))
            )
    await repository.archive(archived)
    await repository.insert_jobs(created)
    if ended:
        await repository.end_open_steps(
            ended, status="cancelled", reason="the attempt ended before this step did"
        )
    locked.by_key |= {row["key"]: stand_in(row) for row in created}


def dispatches(decision: Decision) -> dict[str, Dispatch]:
    """The dispatches of a decision by key."""
    return {one.key: one for one in decision.commands if isinstance(one, Dispatch)}


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
        "queued_at": now if dispatch is not None else None,
        "sweep_after": now if dispatch is not None else None,
        "finished_at": now if node.status in TERMINAL_JOB else None,
    }


def _leaves_worker(before: Node, node: Node) -> bool:
    held = before.status in (JobStatus.RUNNING, JobStatus.CANCELLING)
    return held and node.status not in (JobStatus.RUNNING, JobStatus.CANCELLING)


def _changed_values(
    execution: Execution, before: Node, node: Node, dispatch: Dispatch | None
) -> dict[str, Any]:
    was, now = values_of(before), values_of(node)
    values = {name: value for name, value in now.items() if value != was[name]}
    if _leaves_worker(before, node):
        values |= {"claim_token": None, "lease_until": None}
    if node.attempt != before.attempt:
        values |= {"started_at": None, "finished_at": None, "worker_id": None, "cancel_level": 0}
        values |= {"claim_token": None, "lease_until": None, "annotations": []}
    if dispatch is not None:
        values |= {
            "queue": queue_for(execution.priority, node.labels),
            "queued_at": db_now(),
            "sweep_after": db_now(),
        }
    if node.status in TERMINAL_JOB and before.status not in TERMINAL_JOB:
        values["finished_at"] = db_now()
    if node.kind != "job" and node.status == JobStatus.RUNNING != before.status:
        values["started_at"] = db_now()
    return values


def _archived(job: Job, *, now: datetime) -> dict[str, Any]:
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


async def _write_execution(
    session: AsyncSession, locked: Locked, decision: Decision, *, cause: str
) -> None:
    execution, after = locked.execution, decision.snapshot
    names = {
        node.key: (locked.by_key[node.key].id, node.name, node.attempt) for node in after.nodes
    }
    events = events_of(execution, decision.transitions, names)
    values: dict[str, Any] = {"seq": execution.seq + len(events)}
    if after.status != execution.status:
        values |= _status_values(execution, after.status)
    if after.reason != execution.reason:
        values["reason"] = after.reason and after.reason[:2000]
    if after.cancel_requested != execution.cancel_requested:
        values["cancel_requested"] = after.cancel_requested
    await record(session, execution, events, cause=cause)
    measure_jobs(session, locked.by_key, events, now=locked.now)
    await MovingRepository(session).update_execution(execution.id, values)
    execution.seq = values["seq"]


def _status_values(execution: Execution, status: ExecutionStatus) -> dict[str, Any]:
    values: dict[str, Any] = {"status": status}
    if status == ExecutionStatus.RUNNING and execution.started_at is None:
        values["started_at"] = db_now()
    if status in TERMINAL_EXECUTION:
        values["finished_at"] = db_now()
    elif execution.status in TERMINAL_EXECUTION:
        values["finished_at"] = None
    return values


async def apply_claim(session: AsyncSession, locked: Locked, event: JobClaimed) -> None:
    """Record a claim that was made: the machine sees only the claimed job and its needs.

    The row of the job is written by the claim itself (compare-and-set).
    """
    snapshot = snapshot_of(
        locked.execution,
        locked.jobs,
        contexts=locked.contexts,
        files=locked.files,
        max_worker_lost=locked.max_worker_lost,
    )
    decision = advance(snapshot, event, now=locked.now)
    measure_wait(session, locked.by_key[event.key], now=locked.now)
    await _write_execution(session, locked, decision, cause=type(event).__name__)


async def do_commands(
    session: AsyncSession,
    execution: Execution,
    by_key: Mapping[str, Job],
    decision: Decision,
    *,
    now: datetime,
) -> None:
    """Write the messages and stop orders of a decision. `now` is the database's time."""
    messages: list[Queued] = []
    gates: list[OpenGate] = []
    released: list[ReleaseGroup] = []
    nodes = {node.key: node for node in decision.snapshot.nodes}
    for command in decision.commands:
        job = by_key[command.key]
        match command:
            case Dispatch():
                queue = queue_for(execution.priority, nodes[command.key].labels)
                message = RunJob(job_id=job.id, attempt=command.attempt)
                messages.append(Queued(message, queue=queue, not_before=command.not_before))
            case StopJob():
                await _stop(session, job, force=command.force)
            case OpenGate():
                gates.append(command)
            case ReleaseGroup():
                released.append(command)
    await enqueue_all(session, messages, now=now)
    if gates:
        await ask_gates(session, by_key, gates)
    ended = decision.snapshot.status in TERMINAL_EXECUTION
    await release_groups(session, execution, released, ended=ended)


async def _stop(session: AsyncSession, job: Job, *, force: bool) -> None:
    level: Literal[1, 2] = 2 if force else 1
    await MovingRepository(session).update_job(job.id, {"cancel_level": level})
    if job.claim_token is not None:
        wanted = CancelWanted(job_id=job.id, token=job.claim_token, level=level)
        publish_after_commit(session, wanted)
