"""The claim holder writes the states of its steps, under its token."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.db import AsyncSession, Database
from app.engine.states import StepStatus
from app.events import StepChanged, publish_after_commit
from app.executions.repository.claims import ClaimRepository
from app.executions.repository.moving import MovingRepository


@dataclass(frozen=True, slots=True)
class StepRow:
    """The whole state of one step try. `is_new` rows are inserted, others updated."""

    id: uuid.UUID
    execution_id: uuid.UUID
    job_id: uuid.UUID
    attempt: int
    index: int
    try_number: int
    name: str
    status: StepStatus
    is_new: bool = False
    step_id: str | None = None
    outcome: str | None = None
    conclusion: str | None = None
    reason: str | None = None
    exit_code: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lines: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    complete: bool | None = None


async def change_steps(
    database: Database, *, job_id: uuid.UUID, token: uuid.UUID, steps: Sequence[StepRow]
) -> bool:
    """Write these states in one transaction; False when the token no longer holds the job.

    Cost: the fence and one statement per step, one commit.
    Raises: Unavailable when the database is away.
    """

    async def write(session: AsyncSession) -> bool:
        if not await ClaimRepository(session).fence(job_id, token):
            return False
        await write_steps(session, steps)
        return True

    return await database.transact(write)


async def write_steps(session: AsyncSession, steps: Sequence[StepRow]) -> None:
    """Write states inside a fenced transaction; the same step twice: the last one counts."""
    last = {step.id: step for step in steps}
    new = {step.id for step in steps if step.is_new}
    await MovingRepository(session).insert_steps(
        [_new_values(step) for step in last.values() if step.id in new]
    )
    await ClaimRepository(session).update_steps(
        [{"wanted": step.id, **_values(step)} for step in last.values() if step.id not in new]
    )
    publish_after_commit(session, *[_event(step) for step in steps])


def _values(step: StepRow) -> dict[str, Any]:
    return {
        "name": step.name[:500],
        "status": step.status,
        "outcome": step.outcome,
        "conclusion": step.conclusion,
        "reason": step.reason and step.reason[:2000],
        "exit_code": step.exit_code,
        "outputs": dict(step.outputs),
        "summary": step.summary,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "lines": step.lines,
        "bytes": step.bytes,
        "sha256": step.sha256,
        "complete": step.complete,
    }


def _new_values(step: StepRow) -> dict[str, Any]:
    return {
        "id": step.id,
        "execution_id": step.execution_id,
        "job_id": step.job_id,
        "attempt": step.attempt,
        "index": step.index,
        "try_number": step.try_number,
        "step_id": step.step_id,
        **_values(step),
    }


def _event(step: StepRow) -> StepChanged:
    return StepChanged(
        execution_id=step.execution_id,
        job_id=step.job_id,
        step_id=step.id,
        index=step.index,
        attempt=step.attempt,
        try_number=step.try_number,
        name=step.name,
        status=step.status,
        outcome=StepStatus(step.outcome) if step.outcome else None,
        conclusion=StepStatus(step.conclusion) if step.conclusion else None,
        exit_code=step.exit_code,
        reason=step.reason,
        started_at=step.started_at,
        finished_at=step.finished_at,
        lines=step.lines,
        complete=step.complete,
    )
