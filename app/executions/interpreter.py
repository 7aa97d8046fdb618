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

from app.core.db import AsyncSession
from app.engine.machine import advance
from app.engine.machine.types import (
    Decision,
    Dispatch,
    Event,
    JobClaimed,
    JobFinished,
    Node,
    OpenGate,
    ReleaseGroup,
    Snapshot,
    StopJob,
)
from app.engine.states import TERMINAL_EXECUTION
from app.events import CancelWanted, publish_after_commit
from app.executions.changes import (
    archived_row,
    changed_values,
    dispatches,
    leaves_worker,
    messages_of,
    new_row,
    stand_in,
    status_values,
)
from app.executions.continuing import Continuation, Taken, take
from app.executions.following import tell_followers
from app.executions.groups import ask_gates, release_groups
from app.executions.history import events_of, record
from app.executions.measuring import measure_jobs, measure_no_wait, measure_wait
from app.executions.memory import remember
from app.executions.models import Execution, Job
from app.executions.nodes import snapshot_of
from app.executions.repository.moving import MovingRepository
from app.jobs.outbox import enqueue_all
from app.pipelines.definitions import Files


@dataclass(slots=True)
class Locked:
    """A locked execution with its jobs and what its engine needs to know. `now` is the database's
    time when the lock was taken, `has_secrets` whether its project has any."""

    execution: Execution
    jobs: list[Job]
    contexts: Mapping[str, Any]
    files: Files
    now: datetime
    max_worker_lost: int = 2
    has_secrets: bool = True
    by_key: dict[str, Job] = field(init=False)

    def __post_init__(self) -> None:
        self.by_key = {job.key: job for job in self.jobs}


async def apply(session: AsyncSession, locked: Locked, event: Event) -> Decision:
    """Advance a locked execution by one event and write what follows.

    Returns the decision; when it changed nothing, nothing was written.
    """
    snapshot = _snapshot(locked)
    decision = advance(snapshot, event, now=locked.now)
    if decision.snapshot is not snapshot:
        await _write(session, locked, snapshot, decision, cause=type(event).__name__)
    return decision


async def apply_end(
    session: AsyncSession,
    locked: Locked,
    event: JobFinished,
    *,
    continuation: Continuation | None,
    steps_ended: bool,
) -> tuple[Snapshot, Taken | None]:
    """As `apply`, for the end of an attempt by its worker, which may go on with the next job.

    Parameters: `steps_ended` says that the worker has written the end of every step.
    Returns the snapshot after it, and what was claimed with `continuation`.
    """
    snapshot = _snapshot(locked)
    decision, taken = advance(snapshot, event, now=locked.now), None
    if decision.snapshot is snapshot:
        return snapshot, None
    if continuation is not None:
        decision, taken = take(
            locked.execution, decision, locked.by_key, continuation, now=locked.now
        )
    cause = type(event).__name__
    await _write(
        session, locked, snapshot, decision, cause=cause, taken=taken, steps_ended=steps_ended
    )
    return decision.snapshot, taken


def _snapshot(locked: Locked) -> Snapshot:
    return snapshot_of(
        locked.execution,
        locked.jobs,
        contexts=locked.contexts,
        files=locked.files,
        max_worker_lost=locked.max_worker_lost,
    )


async def _write(
    session: AsyncSession,
    locked: Locked,
    before: Snapshot,
    decision: Decision,
    *,
    cause: str,
    taken: Taken | None = None,
    steps_ended: bool = False,
) -> None:
    old = {node.key: node for node in before.nodes}
    changes = await _write_nodes(
        session, locked, old, decision, taken=taken, steps_ended=steps_ended
    )
    await _write_execution(session, locked, decision, cause=cause, taken=taken)
    if changes is not None:
        remember(session, locked.execution, locked.jobs, changes)
    await do_commands(session, locked.execution, locked.by_key, decision, now=locked.now)


async def _write_nodes(
    session: AsyncSession,
    locked: Locked,
    old: Mapping[str, Node],
    decision: Decision,
    *,
    taken: Taken | None,
    steps_ended: bool,
) -> dict[uuid.UUID, dict[str, Any]] | None:
    """Returns the columns that were changed, by id; None when there are new rows as well."""
    repository = MovingRepository(session)
    created: list[dict[str, Any]] = []
    changes: dict[uuid.UUID, dict[str, Any]] = {}
    ended: list[uuid.UUID] = []
    archived: list[dict[str, Any]] = []
    dispatched = dispatches(decision) | _dispatch_of(taken)
    position = max((job.position for job in locked.jobs), default=-1)
    for node in decision.snapshot.nodes:
        before, dispatch = old.get(node.key), dispatched.get(node.key)
        if before is None:
            position += 1
            created.append(new_row(locked.execution, node, position, dispatch, now=locked.now))
        elif node is not before and node != before:
            job = locked.by_key[node.key]
            if node.attempt != before.attempt:
                archived.append(archived_row(job, now=locked.now))
            if job.started_at is not None and leaves_worker(before, node):
                ended.append(job.id)
            values = changed_values(locked.execution, before, node, dispatch, now=locked.now)
            changes[job.id] = {**values, **_claim_of(taken, node.key)}
    await repository.update_jobs(changes)
    await repository.archive(archived)
    await repository.insert_jobs(created)
    if ended and not steps_ended:
        await repository.end_open_steps(
            ended, status="cancelled", reason="the attempt ended before this step did"
        )
    locked.by_key |= {row["key"]: stand_in(row) for row in created}
    return None if created else changes


def _dispatch_of(taken: Taken | None) -> dict[str, Dispatch]:
    return {} if taken is None else {taken.dispatch.key: taken.dispatch}


def _claim_of(taken: Taken | None, key: str) -> Mapping[str, Any]:
    return taken.values if taken is not None and taken.dispatch.key == key else {}


async def _write_execution(
    session: AsyncSession,
    locked: Locked,
    decision: Decision,
    *,
    cause: str,
    taken: Taken | None = None,
) -> None:
    execution, after = locked.execution, decision.snapshot
    names = {
        node.key: (locked.by_key[node.key].id, node.name, node.attempt) for node in after.nodes
    }
    events = events_of(execution, decision.transitions, names)
    values: dict[str, Any] = {"seq": execution.seq + len(events)}
    if after.status != execution.status:
        values |= status_values(execution, after.status, now=locked.now)
    if after.reason != execution.reason:
        values["reason"] = after.reason and after.reason[:2000]
    if after.cancel_requested != execution.cancel_requested:
        values["cancel_requested"] = after.cancel_requested
    own = len(events) if taken is None else taken.since
    causes = [cause] * own + [JobClaimed.__name__] * (len(events) - own)
    await record(session, execution, events, causes=causes)
    if taken is not None:
        measure_no_wait(session)
    measure_jobs(session, locked.by_key, events, now=locked.now)
    await MovingRepository(session).update_execution(execution.id, values)
    execution.seq = values["seq"]


async def apply_claim(session: AsyncSession, locked: Locked, event: JobClaimed) -> None:
    """Record a claim that was made: the machine sees only the claimed job and its needs.

    The row of the job is written by the claim itself (compare-and-set).
    """
    decision = advance(_snapshot(locked), event, now=locked.now)
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
    gates: list[OpenGate] = []
    released: list[ReleaseGroup] = []
    for command in decision.commands:
        match command:
            case StopJob():
                await _stop(session, by_key[command.key], force=command.force)
            case OpenGate():
                gates.append(command)
            case ReleaseGroup():
                released.append(command)
            case Dispatch():
                pass  # All of them below, in one statement.
    await enqueue_all(session, messages_of(execution, by_key, decision), now=now)
    if gates:
        await ask_gates(session, by_key, gates)
    ended = decision.snapshot.status in TERMINAL_EXECUTION
    await release_groups(session, execution, released, ended=ended)
    if ended:
        await tell_followers(session, execution)


async def _stop(session: AsyncSession, job: Job, *, force: bool) -> None:
    level: Literal[1, 2] = 2 if force else 1
    await MovingRepository(session).update_job(job.id, {"cancel_level": level})
    if job.claim_token is not None:
        wanted = CancelWanted(job_id=job.id, token=job.claim_token, level=level)
        publish_after_commit(session, wanted)
