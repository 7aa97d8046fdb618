"""Watches an execution and tells it as a story: jobs, their steps, their lines, in order.

It reads what the API shows: the same over HTTP and inside one process.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.core.log_chunks import Line
from app.engine.states import TERMINAL_EXECUTION, TERMINAL_JOB, TERMINAL_STEP, JobStatus, StepStatus
from app.executions.schemas import ExecutionDetail, JobDetail
from app.logs.schemas import LogPart

_AT_WORK = TERMINAL_JOB | {JobStatus.RUNNING, JobStatus.CANCELLING}


@dataclass(frozen=True, slots=True)
class LogView:
    """The steps of an attempt of a job, and lines of them from some position on.

    Lines are values of `app.core.log_chunks`, not of the API: there may be a million of them.
    `next` is where to go on; None at the end of what is stored.
    """

    parts: Sequence[LogPart]
    lines: Mapping[uuid.UUID, Sequence[Line]]
    next: str | None


class Source(Protocol):
    """Where an execution is read."""

    async def detail(self) -> ExecutionDetail:
        """The execution as it is now."""
        ...

    async def job_log(self, job_id: uuid.UUID, *, attempt: int, from_line: str | None) -> LogView:
        """Lines of an attempt of a job, from a position on."""
        ...

    async def changed(self) -> None:
        """Return when there may be something new."""
        ...


class Narrator(Protocol):
    """Whom the watcher tells. Calls for one job come in order; jobs are told side by side."""

    def job_began(self, job: JobDetail) -> None:
        """A worker runs the job."""

    def job_ended(self, job: JobDetail) -> None:
        """The job will not run any more; it may never have begun."""

    def job_again(self, job: JobDetail) -> None:
        """The job runs again: `job.attempt` is the new attempt."""

    def step_began(self, job: JobDetail, step: LogPart) -> None:
        """A step runs."""

    def lines(self, job: JobDetail, step: LogPart, lines: Sequence[Line]) -> None:
        """What the step printed."""

    def step_ended(self, job: JobDetail, step: LogPart) -> None:
        """The step has ended, all its lines are told; it may have been skipped."""

    def looked(self, detail: ExecutionDetail) -> None:
        """The execution as it is after all that was told so far."""


@dataclass(slots=True)
class _Told:
    """How far the story of one job is."""

    attempt: int = 1
    position: str | None = None
    begun: bool = False
    ended: bool = False
    steps_begun: set[uuid.UUID] = field(default_factory=set)
    steps_ended: set[uuid.UUID] = field(default_factory=set)


def _has_begun(job: JobDetail, attempt: int) -> bool:
    """Whether a worker ran an attempt that was replaced before anybody looked."""
    return any(one.attempt == attempt and one.started_at is not None for one in job.attempts)


class Watcher:
    """Tells one execution to its end."""

    def __init__(self, source: Source, narrator: Narrator) -> None:
        self._source, self._narrator = source, narrator
        self._jobs: dict[uuid.UUID, _Told] = defaultdict(_Told)

    async def watch(self) -> ExecutionDetail:
        """Tell everything until the execution has ended."""
        while True:
            detail = await self._source.detail()
            for job in detail.jobs:
                await self._job(job)
            self._narrator.looked(detail)
            if detail.status in TERMINAL_EXECUTION:
                return detail
            await self._source.changed()

    async def _job(self, job: JobDetail) -> None:
        if self._jobs[job.id].ended and self._jobs[job.id].attempt == job.attempt:
            return
        told = await self._replaced(job)
        if job.kind == "job" and job.status in _AT_WORK and (job.steps or told.begun):
            if not told.begun:
                told.begun = True
                self._narrator.job_began(job)
            await self._log(job, told)
        if job.status in TERMINAL_JOB:
            told.ended = True
            # Of the stand-ins for matrices and calls only that they were left out is news.
            if job.kind == "job" or job.status is JobStatus.SKIPPED:
                self._narrator.job_ended(job)

    async def _replaced(self, job: JobDetail) -> _Told:
        """Tell the rest of the attempts that were replaced meanwhile."""
        told = self._jobs[job.id]
        while told.attempt < job.attempt:
            if not told.begun and _has_begun(job, told.attempt):
                told.begun = True
                self._narrator.job_began(job)
            if told.begun:
                await self._log(job, told)
                self._narrator.job_again(job)
            told = self._jobs[job.id] = _Told(attempt=told.attempt + 1, begun=told.begun)
        return told

    async def _log(self, job: JobDetail, told: _Told) -> None:
        while True:
            page = await self._source.job_log(job.id, attempt=told.attempt, from_line=told.position)
            if not self._page(job, told, page):
                return

    def _page(self, job: JobDetail, told: _Told, page: LogView) -> bool:
        """Tell a page; True when there is more to read now."""
        following = page.next.partition(":")[0] if page.next else None
        for step in page.parts:
            if step.step_id in told.steps_ended:
                continue
            if step.status is StepStatus.PENDING:
                # It began after the states were read: its lines are read again.
                return False
            self._step(job, told, step, page.lines.get(step.step_id, ()))
            if str(step.step_id) == following:
                return True
            if step.status not in TERMINAL_STEP:
                return False
            told.steps_ended.add(step.step_id)
            self._narrator.step_ended(job, step)
        return False

    def _step(self, job: JobDetail, told: _Told, step: LogPart, lines: Sequence[Line]) -> None:
        if step.step_id not in told.steps_begun and step.status is not StepStatus.SKIPPED:
            told.steps_begun.add(step.step_id)
            self._narrator.step_began(job, step)
        if lines:
            told.position = f"{step.step_id}:{lines[-1].number + 1}"
            self._narrator.lines(job, step, lines)
