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
    """The whole state of one step try."""

    id: uuid.UUID
    execution_id: uuid.UUID
    job_id: uuid.UUID
    attempt: int
    index: int
    try_number: int
    name: str
    status: StepStatus
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

    Cost: the fence and one statement for all steps, one commit.
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
    tell_steps(session, steps)
    await store_steps(session, steps)


def tell_steps(session: AsyncSession, steps: Sequence[StepRow]) -> None:
    """Publish these states after the commit."""
    publish_after_commit(session, *[_event(step) for step in steps])


async def store_steps(session: AsyncSession, steps: Sequence[StepRow]) -> None:
    """Write states without telling anyone: one statement."""
    last = {step.id: step for step in steps}
    rows = [{**_place(step), **_state(step)} for step in last.values()]
    if rows:
        await MovingRepository(session).write_steps(rows, changes=_state(steps[0]))


def _place(step: StepRow) -> dict[str, Any]:
    return {
        "id": step.id,
        "execution_id": step.execution_id,
        "job_id": step.job_id,
        "attempt": step.attempt,
        "index": step.index,
        "try_number": step.try_number,
        "step_id": step.step_id,
    }


def _state(step: StepRow) -> dict[str, Any]:
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
