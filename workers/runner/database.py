"""The runner's ports over the database: a claimed job, its reporter, its log store."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from app.core.clock import new_id
from app.core.db import Database
from app.core.errors import Unavailable as DatabaseAway
from app.engine.states import TERMINAL_STEP, StepStatus
from app.executions.continuing import Continuation
from app.executions.service.claim import Claimed
from app.executions.service.finish import declare_lost, finish, hand_back
from app.executions.service.steps import StepRow, change_steps
from app.logs.writing import ChunkRow, write_chunks
from workers.runner.ports import (
    Assignment,
    Calling,
    Chunk,
    JobResult,
    Replaced,
    StepUpdate,
    Unavailable,
)

MERGE_FROM = 8
"""Chunks of one step from which merging them is worth a message."""


def assignment_of(
    claimed: Claimed, *, secrets: Mapping[str, str], keep_workspace: bool
) -> Assignment:
    """What the runner is given."""
    return Assignment(
        execution_id=claimed.execution_id,
        job_id=claimed.job_id,
        attempt=claimed.attempt,
        token=claimed.token.bytes,
        key=claimed.key,
        name=claimed.name,
        number=claimed.number,
        definition=claimed.definition,
        job=claimed.job,
        contexts=claimed.contexts,
        secrets=secrets,
        calls=[Calling(call.job, call.contexts) for call in claimed.calls],
        timeout_s=claimed.timeout_s,
        environment=claimed.environment,
        keep_workspace=keep_workspace,
        workdir=None if claimed.workdir is None else Path(claimed.workdir),
        repository_url=claimed.contexts["github"].get("repositoryUrl"),
        cancel_requested=claimed.cancel_level > 0,
    )


class ClaimHolder:
    """Reporter and log store of one claim.

    Parameters: `offset` is the database's clock minus this host's, as the last lease renewal
    measured it: step times are corrected by it. `continuation` lets the end of this job claim one
    that it makes ready, which `next` is then.
    """

    def __init__(
        self,
        database: Database,
        claimed: Claimed,
        *,
        max_worker_lost: int,
        continuation: Continuation | None = None,
    ) -> None:
        self._database = database
        self._claimed = claimed
        self._max_worker_lost = max_worker_lost
        self._continuation = continuation
        self.next: Claimed | None = None
        self._steps = {(index, 1): step_id for index, step_id in claimed.steps.items()}
        self._stored = set(self._steps)
        self._open = set(self._steps)
        self._inserting = asyncio.Lock()
        self._most_chunks = 0
        self.offset = timedelta()

    async def steps_changed(self, updates: Sequence[StepUpdate]) -> None:
        """See `Reporter.steps_changed`."""
        if all((update.index, update.attempt) in self._stored for update in updates):
            await self._change(updates)
        else:
            async with self._inserting:
                await self._change(updates)

    async def _change(self, updates: Sequence[StepUpdate]) -> None:
        rows = [self._row(update) for update in updates]
        try:
            held = await change_steps(
                self._database, job_id=self._claimed.job_id, token=self._claimed.token, steps=rows
            )
        except DatabaseAway as error:
            raise Unavailable from error
        if not held:
            raise Replaced
        self._stored |= {(row.index, row.try_number) for row in rows}

    async def finish(self, result: JobResult, updates: Sequence[StepUpdate] = ()) -> None:
        """See `Reporter.finish`."""
        try:
            held = await self._end(result, updates)
        except DatabaseAway as error:
            raise Unavailable from error
        if not held:
            raise Replaced

    async def _end(self, result: JobResult, updates: Sequence[StepUpdate]) -> bool:
        claimed = self._claimed
        if updates and (result.handed_back or result.lost):
            await self.steps_changed(updates)
        if result.lost:
            return await declare_lost(
                self._database,
                execution_id=claimed.execution_id,
                key=claimed.key,
                attempt=claimed.attempt,
                token=claimed.token,
                reason=result.reason or "the worker did not respond",
                max_worker_lost=self._max_worker_lost,
                expired_only=False,
            )
        if result.handed_back:
            return await hand_back(
                self._database,
                execution_id=claimed.execution_id,
                key=claimed.key,
                attempt=claimed.attempt,
                token=claimed.token,
                max_worker_lost=self._max_worker_lost,
            )
        rows = [self._row(update) for update in updates]
        finished = await finish(
            self._database,
            execution_id=claimed.execution_id,
            job_id=claimed.job_id,
            key=claimed.key,
            attempt=claimed.attempt,
            token=claimed.token,
            status=result.status,
            reason=result.reason,
            outputs=result.outputs,
            environment_url=result.environment_url,
            annotations=[asdict(annotation) for annotation in result.annotations],
            steps=rows,
            max_worker_lost=self._max_worker_lost,
            merge_logs=self._most_chunks >= MERGE_FROM,
            steps_ended=not self._open,
            continuation=self._continuation,
        )
        self.next = finished.claimed
        return finished.held

    async def write(self, chunks: Sequence[Chunk]) -> None:
        """See `LogStore.write`."""
        for chunk in chunks:
            await self._have_row(chunk)
            self._most_chunks = max(self._most_chunks, chunk.number)
        rows = [self._chunk(chunk) for chunk in chunks]
        try:
            held = await write_chunks(
                self._database, job_id=self._claimed.job_id, token=self._claimed.token, chunks=rows
            )
        except DatabaseAway as error:
            raise Unavailable from error
        if not held:
            raise Replaced

    async def _have_row(self, chunk: Chunk) -> None:
        # A retried or a post step may print before its first report is stored.
        key = (chunk.step_index, chunk.step_attempt)
        if key in self._stored:
            return
        async with self._inserting:
            if key not in self._stored:
                update = StepUpdate(
                    index=chunk.step_index,
                    attempt=chunk.step_attempt,
                    name=f"Step {chunk.step_index + 1}",
                    status=StepStatus.RUNNING,
                )
                await self._change([update])

    def _step_id(self, index: int, attempt: int) -> uuid.UUID:
        return self._steps.setdefault((index, attempt), new_id())

    def _chunk(self, chunk: Chunk) -> ChunkRow:
        return ChunkRow(
            step_id=self._step_id(chunk.step_index, chunk.step_attempt),
            index=chunk.step_index,
            attempt=self._claimed.attempt,
            number=chunk.number,
            first_line=chunk.first_line,
            line_count=chunk.line_count,
            raw_bytes=chunk.raw_bytes,
            digest=chunk.digest,
            data=chunk.data,
            times=chunk.times,
        )

    def _row(self, update: StepUpdate) -> StepRow:
        key = (update.index, update.attempt)
        if update.status in TERMINAL_STEP:
            self._open.discard(key)
        else:
            self._open.add(key)
        steps = self._claimed.job.steps
        ended = update.finished_at is not None
        return StepRow(
            id=self._step_id(*key),
            execution_id=self._claimed.execution_id,
            job_id=self._claimed.job_id,
            attempt=self._claimed.attempt,
            index=update.index,
            try_number=update.attempt,
            step_id=steps[update.index].id if update.index < len(steps) else None,
            name=update.name,
            status=update.status,
            outcome=_text(update.outcome),
            conclusion=_text(update.conclusion),
            reason=update.reason,
            exit_code=update.exit_code,
            outputs=update.outputs,
            summary=update.summary,
            started_at=self._corrected(update.started_at),
            finished_at=self._corrected(update.finished_at),
            lines=update.lines if ended else None,
            bytes=update.bytes if ended else None,
            sha256=update.sha256,
            complete=update.complete if ended else None,
        )

    def _corrected(self, at: datetime | None) -> datetime | None:
        return None if at is None else at + self.offset


def _text(status: StepStatus | None) -> str | None:
    return None if status is None else str(status)
