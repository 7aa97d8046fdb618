"""Take the lock of an execution and load what its engine needs."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.core.db import AsyncSession
from app.executions.interpreter import Locked
from app.executions.models import Execution, Job
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.moving import MovingRepository
from app.pipelines.definitions import Files, parse_version, remembered


async def lock(
    session: AsyncSession, execution_id: uuid.UUID, *, max_worker_lost: int
) -> Locked | None:
    """The locked execution with all its jobs; None when there is no such execution."""
    repository = MovingRepository(session)
    found = await repository.lock(execution_id)
    if found is None:
        return None
    execution, now = found
    jobs = await repository.jobs(execution_id)
    return await with_files(session, execution, jobs, now=now, max_worker_lost=max_worker_lost)


async def with_files(
    session: AsyncSession,
    execution: Execution,
    jobs: Sequence[Job],
    *,
    now: datetime,
    max_worker_lost: int,
) -> Locked:
    """A locked execution with some of its jobs and its definitions."""
    return Locked(
        execution=execution,
        jobs=list(jobs),
        contexts=contexts_of(execution),
        files=await _files(session, execution),
        now=now,
        max_worker_lost=max_worker_lost,
    )


def contexts_of(execution: Execution) -> Mapping[str, Any]:
    """The contexts that are the same for all jobs of an attempt."""
    return {
        "github": {**execution.github, "run_attempt": str(execution.attempt)},
        "inputs": execution.inputs,
        "vars": execution.vars,
    }


async def _files(session: AsyncSession, execution: Execution) -> Files:
    parsed = remembered(execution.version_id)
    if parsed is None:
        version = await ClaimRepository(session).version(execution.version_id)
        parsed = parse_version(version.id, version.source, version.files)
    return parsed.files
