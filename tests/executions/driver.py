"""Drives executions without a worker: claims what is queued and ends it as the test says."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select

from app.approvals.service import forks, gate
from app.core.clock import new_id, utcnow
from app.core.db import Database
from app.engine.states import JobStatus
from app.executions.continuing import Continuation
from app.executions.models import Execution, ExecutionEvent, Job
from app.executions.service import gates
from app.executions.service.cancel import cancel_execution
from app.executions.service.claim import Claimed, claim
from app.executions.service.finish import Finished, finish
from app.executions.service.start import Trigger, start_execution
from app.jobs.catalog import CancelExecution, PassExecution, PassGate, ReleaseGroups
from app.jobs.models import OutboxRow
from app.jobs.tags import BUMP

SERVER = "http://ansflow.test"


def _is_due(row: OutboxRow) -> bool:
    return row.not_before <= utcnow() + timedelta(seconds=5)


@dataclass
class Driver:
    """A worker that does nothing but claim and finish."""

    database: Database
    worker_id: uuid.UUID = field(default_factory=new_id)

    async def start(self, pipeline_id: uuid.UUID, **options: object) -> uuid.UUID:
        """Trigger a pipeline; the id of the execution."""
        trigger = Trigger(pipeline_id=pipeline_id, **options)  # type: ignore[arg-type]
        started = await start_execution(self.database, trigger, server_url=SERVER)
        return started.execution_id

    async def execution(self, execution_id: uuid.UUID) -> Execution:
        """The row as it is now."""
        async with self.database.read() as session:
            return (
                await session.execute(select(Execution).where(Execution.id == execution_id))
            ).scalar_one()

    async def jobs(self, execution_id: uuid.UUID) -> dict[str, Job]:
        """The jobs by key, as they are now."""
        async with self.database.read() as session:
            rows = await session.execute(
                select(Job).where(Job.execution_id == execution_id).order_by(Job.position)
            )
            return {job.key: job for job in rows.scalars()}

    async def statuses(self, execution_id: uuid.UUID) -> dict[str, str]:
        """Status by key."""
        return {key: str(job.status) for key, job in (await self.jobs(execution_id)).items()}

    async def events(self, execution_id: uuid.UUID) -> list[ExecutionEvent]:
        """The history."""
        async with self.database.read() as session:
            rows = await session.execute(
                select(ExecutionEvent)
                .where(ExecutionEvent.execution_id == execution_id)
                .order_by(ExecutionEvent.seq)
            )
            return list(rows.scalars())

    async def messages(self) -> list[OutboxRow]:
        """The messages in the outbox; what only tells the cache is none."""
        statement = select(OutboxRow).where(OutboxRow.kind != BUMP)
        async with self.database.read() as session:
            return list((await session.execute(statement)).scalars())

    async def forget_messages(self) -> None:
        """Empty the outbox: they have been sent."""
        async with self.database.session() as session:
            await session.execute(delete(OutboxRow))

    async def claim(
        self, execution_id: uuid.UUID, key: str, *, lease_s: float = 60.0
    ) -> Claimed | None:
        """Claim the current attempt of a job."""
        job = (await self.jobs(execution_id))[key]
        return await claim(
            self.database,
            job_id=job.id,
            attempt=job.attempt,
            token=new_id(),
            worker_id=self.worker_id,
            lease_s=lease_s,
        )

    async def finish(
        self,
        claimed: Claimed,
        status: JobStatus = JobStatus.SUCCESS,
        *,
        outputs: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> bool:
        """End a claim."""
        return (await self.end(claimed, status, outputs=outputs, reason=reason)).held

    async def end(
        self,
        claimed: Claimed,
        status: JobStatus = JobStatus.SUCCESS,
        *,
        outputs: Mapping[str, str] | None = None,
        reason: str | None = None,
        continuation: Continuation | None = None,
    ) -> Finished:
        """End a claim, perhaps going on with the next job."""
        return await finish(
            self.database,
            execution_id=claimed.execution_id,
            job_id=claimed.job_id,
            key=claimed.key,
            attempt=claimed.attempt,
            token=claimed.token,
            status=status,
            reason=reason,
            outputs=outputs or {},
            environment_url=None,
            annotations=(),
            steps=(),
            max_worker_lost=2,
            continuation=continuation,
        )

    async def run(
        self, execution_id: uuid.UUID, key: str, status: JobStatus = JobStatus.SUCCESS, **out: str
    ) -> None:
        """Claim and end a job."""
        claimed = await self.claim(execution_id, key)
        assert claimed is not None, f"{key} could not be claimed"
        assert await self.finish(claimed, status, outputs=out)

    async def deliver(self) -> None:
        """Act on all messages that are due, but those that run jobs, until none is left."""
        acts = {
            PassGate.wire: (PassGate, gate.pass_gate),
            PassExecution.wire: (PassExecution, forks.pass_execution),
            ReleaseGroups.wire: (ReleaseGroups, gates.release),
            CancelExecution.wire: (CancelExecution, gates.cancel_for_newcomer),
        }
        while rows := [row for row in await self.messages() if row.kind in acts and _is_due(row)]:
            async with self.database.session() as session:
                await session.execute(
                    delete(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows]))
                )
            for row in rows:
                kind, act = acts[row.kind]
                await act(self.database, kind.from_body(row.body), max_worker_lost=2)  # type: ignore[attr-defined,operator]

    async def cancel(self, execution_id: uuid.UUID) -> None:
        """Cancel as a person would."""
        await cancel_execution(
            self.database, execution_id=execution_id, by="alice", max_worker_lost=2
        )
