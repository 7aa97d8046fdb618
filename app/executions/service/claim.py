"""A worker takes a job: compare-and-set under the lock of its execution, steps written at once.

Cost: lock the execution, read the job (and the jobs it needs), the claim, the steps, the events,
the execution: 6 statements (7 with needs; inside a called workflow one more for each level), one
commit.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.clock import new_id
from app.core.db import AsyncSession, Database
from app.engine.definition import Definition, Job
from app.engine.machine import job_contexts, scope_of
from app.engine.machine.types import JobClaimed, Node, Snapshot
from app.engine.states import StepStatus
from app.executions.interpreter import Locked, apply_claim
from app.executions.locking import with_files
from app.executions.models import Job as JobRow
from app.executions.nodes import node_of, snapshot_of
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.moving import LockedRow, MovingRepository
from app.executions.service.steps import StepRow, store_steps


@dataclass(frozen=True, slots=True)
class Call:
    """A job that calls the workflow which the claimed one is inside of, and its own contexts."""

    job: Job
    contexts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim holder needs to run the job. `steps` maps step indexes to row ids; `calls` are
    the jobs that it is inside of, outermost first."""

    execution_id: uuid.UUID
    project_id: uuid.UUID
    pipeline_id: uuid.UUID
    user_id: uuid.UUID | None
    job_id: uuid.UUID
    attempt: int
    token: uuid.UUID
    key: str
    name: str
    number: int
    definition: Definition
    job: Job
    contexts: Mapping[str, Any]
    timeout_s: float
    environment: str | None
    workdir: str | None
    cancel_level: int
    has_group: bool
    trusted: bool
    has_secrets: bool
    steps: Mapping[int, uuid.UUID]
    calls: tuple[Call, ...]


async def claim(
    database: Database,
    *,
    job_id: uuid.UUID,
    attempt: int,
    token: uuid.UUID,
    worker_id: uuid.UUID,
    lease_s: float,
) -> Claimed | None:
    """Claim this attempt; None when there is nothing to do.

    Parameters: `token` was made before the call. Calling again with the same token after an
    unknown outcome answers the same claim. `lease_s` is in seconds.
    Raises: Unavailable when the database is away.
    """

    async def take(session: AsyncSession) -> Claimed | None:
        found = await MovingRepository(session).lock_of_job(job_id)
        if found is None:
            return None
        claims = ClaimRepository(session)
        job = await claims.job(job_id)
        if job.claim_token == token and job.attempt == attempt:
            steps = {step.index: step.id for step in await claims.steps(job_id, attempt)}
            locked = await _partial(session, found, job)
            snapshot = partial_snapshot(locked)
            return claimed_of(locked, snapshot, job, token, steps, cancel_level=job.cancel_level)
        if job.status != "queued" or job.attempt != attempt:
            return None
        won = await claims.claim(
            job_id=job_id, attempt=attempt, token=token, worker_id=worker_id, lease_s=lease_s
        )
        if not won:
            return None
        locked = await _partial(session, found, job)
        opened = opened_steps(locked, job, attempt)
        await store_steps(session, opened)
        await apply_claim(session, locked, JobClaimed(key=job.key, attempt=attempt))
        snapshot = partial_snapshot(locked)
        return claimed_of(locked, snapshot, job, token, ids_of(opened), cancel_level=0)

    return await database.transact(take)


async def _partial(session: AsyncSession, found: LockedRow, job: JobRow) -> Locked:
    claims = ClaimRepository(session)
    jobs, inner = [job], job
    while True:
        scope = scope_of(node_of(inner))
        needed = await claims.needed(inner, scope)
        jobs = [*needed, *jobs]
        if scope is None:
            return await with_files(session, found, jobs, max_worker_lost=0)
        # What its callers pass on may depend on what they need, and so on outwards.
        inner = next(one for one in needed if one.key == scope)


def partial_snapshot(locked: Locked) -> Snapshot:
    """What is enough of an execution to know the contexts of one job."""
    return snapshot_of(
        locked.execution,
        locked.jobs,
        contexts=locked.contexts,
        files=locked.files,
        max_worker_lost=0,
    )


def opened_steps(locked: Locked, job: JobRow, attempt: int) -> list[StepRow]:
    """The steps of an attempt as it begins; they are not written yet."""
    definition = locked.files[tuple(job.path)].jobs[job.job_id]
    return [
        StepRow(
            id=new_id(),
            execution_id=job.execution_id,
            job_id=job.id,
            attempt=attempt,
            index=step.index,
            try_number=1,
            step_id=step.id,
            name=step.title,
            status=StepStatus.PENDING,
        )
        for step in definition.steps
    ]


def ids_of(steps: Sequence[StepRow]) -> dict[int, uuid.UUID]:
    """The ids of first tries by index."""
    return {step.index: step.id for step in steps}


def claimed_of(
    locked: Locked,
    snapshot: Snapshot,
    job: JobRow,
    token: uuid.UUID,
    steps: Mapping[int, uuid.UUID],
    *,
    cancel_level: int,
) -> Claimed:
    """What the holder of a claim gets; `snapshot` has the job as it was claimed."""
    execution = locked.execution
    definition = locked.files[tuple(job.path)]
    node = next(node for node in snapshot.nodes if node.key == job.key)
    return Claimed(
        execution_id=execution.id,
        project_id=execution.project_id,
        pipeline_id=execution.pipeline_id,
        user_id=execution.triggered_by,
        job_id=job.id,
        attempt=node.attempt,
        token=token,
        key=node.key,
        name=node.name,
        number=execution.number,
        definition=definition,
        job=definition.jobs[node.job_id],
        contexts=job_contexts(snapshot, node),
        timeout_s=node.timeout_s,
        environment=node.environment,
        workdir=execution.workdir,
        cancel_level=cancel_level,
        has_group=node.concurrency_group is not None or execution.concurrency_group is not None,
        trusted=execution.trusted,
        has_secrets=locked.has_secrets,
        steps=steps,
        calls=_calls(snapshot, node),
    )


def _calls(snapshot: Snapshot, node: Node) -> tuple[Call, ...]:
    nodes = {one.key: one for one in snapshot.nodes}
    calls: list[Call] = []
    while (scope := scope_of(node)) is not None:
        node = nodes[scope]
        job: Job = snapshot.files[node.path].jobs[node.job_id]
        calls.insert(0, Call(job, job_contexts(snapshot, node)))
    return tuple(calls)
