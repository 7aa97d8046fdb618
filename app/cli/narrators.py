"""Tells an execution as plain lines, or as one JSON object per line."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from app.cli.watching import Narrator
from app.cli.wording import job_result, sign, step_result, step_title
from app.core.log_chunks import Line
from app.engine.states import JobStatus, StepStatus
from app.executions.schemas import ExecutionDetail, JobDetail
from app.logs.schemas import LogPart


class PlainNarrator(Narrator):
    """Every line begins with its job, so that jobs side by side can be told apart."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._plain = "utf" not in (self._out.encoding or "").lower()
        self._open: object = None
        """The step whose last line was the beginning of a longer one."""

    def job_began(self, job: JobDetail) -> None:
        self._say(job, "running", "started" if job.name == job.key else f"started: {job.name}")

    def job_ended(self, job: JobDetail) -> None:
        self._say(job, job.status, job_result(job))

    def job_again(self, job: JobDetail) -> None:
        self._say(job, "running", f"runs again: attempt {job.attempt}")

    def step_began(self, job: JobDetail, step: LogPart) -> None:
        self._say(job, "running", step_title(step))

    def step_ended(self, job: JobDetail, step: LogPart) -> None:
        status = step.status
        if status is StepStatus.SUCCESS and step.outcome == "failure":
            status = StepStatus.FAILURE
        self._say(job, status, step_result(step))

    def lines(self, job: JobDetail, step: LogPart, lines: Sequence[Line]) -> None:
        head = f"{job.key} {'|' if self._plain else '│'} "
        joined = self._open == step.step_id
        written = [] if joined else [self._closed()]
        for line in lines:
            written.append(line.text if joined else head + line.text)
            joined = line.continued
            if not joined:
                written.append("\n")
        self._open = step.step_id if joined else None
        self._write("".join(written))

    def looked(self, detail: ExecutionDetail) -> None:
        self._out.flush()

    def _say(self, job: JobDetail, status: str, text: str) -> None:
        first = text.replace("\n", " ")
        line = f"{job.key} {sign(status, plain=self._plain)} {first}\n"
        self._write(self._closed() + line)

    def _closed(self) -> str:
        end = "" if self._open is None else "\n"
        self._open = None
        return end

    def _write(self, text: str) -> None:
        if self._plain:
            encoding = self._out.encoding or "ascii"
            text = text.encode(encoding, "replace").decode(encoding)
        self._out.write(text)


class JsonNarrator(Narrator):
    """One event per line, for programs; the last one is the result."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out

    def job_began(self, job: JobDetail) -> None:
        self._job("job_started", job)

    def job_ended(self, job: JobDetail) -> None:
        self._job("job_finished", job)

    def job_again(self, job: JobDetail) -> None:
        self._job("job_restarted", job)

    def step_began(self, job: JobDetail, step: LogPart) -> None:
        self._step("step_started", job, step, status=StepStatus.RUNNING)

    def step_ended(self, job: JobDetail, step: LogPart) -> None:
        self._step(
            "step_finished",
            job,
            step,
            status=step.status,
            outcome=step.outcome,
            conclusion=step.conclusion,
            exit_code=step.exit_code,
            reason=step.reason,
            lines=step.lines,
            sha256=step.sha256,
        )

    def lines(self, job: JobDetail, step: LogPart, lines: Sequence[Line]) -> None:
        for line in lines:
            self.tell(
                "log",
                job=job.key,
                step=step.index,
                line=line.number,
                at=datetime.fromtimestamp(line.at_ms / 1000, UTC).isoformat(),
                text=line.text,
                continued=line.continued,
            )

    def looked(self, detail: ExecutionDetail) -> None:
        self._out.flush()

    def tell(self, event: str, **fields: Any) -> None:
        """Write one event."""
        self._out.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")

    def result(self, detail: ExecutionDetail, *, exit_code: int) -> None:
        """Write the last event."""
        self.tell(
            "result",
            status=detail.status,
            reason=detail.reason,
            exit_code=exit_code,
            jobs={job.key: _job_summary(job) for job in detail.jobs},
        )
        self._out.flush()

    def _job(self, event: str, job: JobDetail) -> None:
        self.tell(
            event,
            job=job.key,
            name=job.name,
            attempt=job.attempt,
            status=job.status if event == "job_finished" else JobStatus.RUNNING,
            reason=job.reason,
        )

    def _step(self, event: str, job: JobDetail, step: LogPart, **fields: Any) -> None:
        self.tell(
            event,
            job=job.key,
            step=step.index,
            try_number=step.try_number,
            name=step.name,
            **fields,
        )


def _job_summary(job: JobDetail) -> dict[str, Any]:
    steps = ("index", "try_number", "step_id", "name", "status", "outcome", "conclusion")
    more = ("exit_code", "reason", "outputs")
    return {
        **job.model_dump(
            mode="json",
            include={"name", "kind", "status", "reason", "attempt", "matrix", "outputs"},
        ),
        "steps": [step.model_dump(mode="json", include={*steps, *more}) for step in job.steps],
    }
