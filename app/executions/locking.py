"""Take the lock of an execution and load what its engine needs."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.db import AsyncSession
from app.engine.document import InvalidDefinition
from app.engine.plan import InvalidPlan
from app.executions.errors import DefinitionIsInvalid
from app.executions.interpreter import Locked
from app.executions.memory import recall
from app.executions.models import Execution, Job
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.moving import LockedRow, MovingRepository
from app.pipelines.definitions import Files, parse_version, remembered


async def lock(
    session: AsyncSession, execution_id: uuid.UUID, *, max_worker_lost: int
) -> Locked | None:
    """The locked execution with all its jobs; None when there is no such execution."""
    repository = MovingRepository(session)
    found = await repository.lock(execution_id)
    if found is None:
        return None
    jobs = await jobs_of(repository, found.execution)
    return await with_files(session, found, jobs, max_worker_lost=max_worker_lost)


async def jobs_of(repository: MovingRepository, execution: Execution) -> Sequence[Job]:
    """The jobs of a locked execution: from this process's memory, if it changed them last."""
    known = recall(execution)
    return await repository.jobs(execution.id) if known is None else known


async def with_files(
    session: AsyncSession, found: LockedRow, jobs: Sequence[Job], *, max_worker_lost: int
) -> Locked:
    """A locked execution with some of its jobs and its definitions."""
    return Locked(
        execution=found.execution,
        jobs=list(jobs),
        contexts=contexts_of(found.execution),
        files=await files_of(session, found.execution),
        now=found.now,
        has_secrets=found.has_secrets,
        max_worker_lost=max_worker_lost,
    )


def contexts_of(execution: Execution) -> Mapping[str, Any]:
    """The contexts that are the same for all jobs of an attempt."""
    return {
        "github": {**execution.github, "run_attempt": str(execution.attempt)},
        "inputs": execution.inputs,
        "vars": execution.vars,
    }


async def files_of(session: AsyncSession, execution: Execution) -> Files:
    """The definitions of an execution by call path.

    Raises: DefinitionIsInvalid.
    """
    parsed = remembered(execution.version_id)
    if parsed is None:
        version = await ClaimRepository(session).version(execution.version_id)
        try:
            parsed = parse_version(version.id, version.source, version.files)
        except (InvalidDefinition, InvalidPlan) as error:
            # The file of a push may be: its execution has failed before it began.
            raise DefinitionIsInvalid(str(error)) from error
    return parsed.files
