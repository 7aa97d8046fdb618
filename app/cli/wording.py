"""Words and signs that the outputs share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.core.clock import utcnow
from app.executions.schemas import ExecutionDetail, JobDetail
from app.logs.schemas import LogPart

SIGNS: Final = {
    "blocked": "·",
    "waiting": "…",
    "queued": "…",
    "pending": "·",
    "running": "▶",
    "cancelling": "◼",
    "success": "✔",
    "failure": "✘",
    "cancelled": "◼",
    "timed_out": "⧖",
    "skipped": "↷",
}
_PLAIN_SIGNS: Final = {"success": "+", "failure": "x", "running": ">", "skipped": "-"}


def sign(status: str, *, plain: bool = False) -> str:
    """One character for a state; `plain` for terminals without Unicode."""
    return _PLAIN_SIGNS.get(status, "*") if plain else SIGNS[status]


def seconds(begin: datetime | None, end: datetime | None) -> str:
    """How long something took, or takes until now; empty when it did not begin."""
    if begin is None:
        return ""
    taken = max(0.0, ((end or utcnow()) - begin).total_seconds())
    if taken < 60:
        return f"{taken:.1f}s"
    minutes, rest = divmod(int(taken), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{rest:02}s" if hours else f"{minutes}m{rest:02}s"


def step_title(step: LogPart) -> str:
    """What a step is called; of another try which one."""
    return f"{step.name} (try {step.try_number})" if step.try_number > 1 else step.name


def step_result(step: LogPart) -> str:
    """How a step ended, and why, in one line."""
    words = [step_title(step), seconds(step.started_at, step.finished_at)]
    if step.status != "success" and step.reason:
        words.append(f"({step.reason})")
    if step.outcome == "failure" and step.conclusion == "success":
        words.append("(failed, but continue-on-error is set)")
    return " ".join(word for word in words if word)


def job_result(job: JobDetail) -> str:
    """How a job ended, and why, in one line."""
    words = [job.status.replace("_", " "), seconds(job.started_at, job.finished_at)]
    if job.reason and job.status != "success":
        words.append(f"({job.reason})")
    return " ".join(word for word in words if word)


def execution_result(detail: ExecutionDetail) -> str:
    """How an execution ended: one line, then one for each job that did not succeed."""
    jobs = [job for job in detail.jobs if job.kind == "job"]
    counts = [
        f"{count} {status.replace('_', ' ')}"
        for status in ("success", "failure", "timed_out", "cancelled", "skipped")
        if (count := sum(job.status == status for job in jobs))
    ]
    taken = seconds(detail.created_at, detail.finished_at)
    head = f"{detail.title}: {detail.status.replace('_', ' ')} in {taken} ({', '.join(counts)})"
    return "\n".join([head, *_failures(jobs), *_annotations(jobs)])


def _failures(jobs: Sequence[JobDetail]) -> list[str]:
    failed = [job for job in jobs if job.status in ("failure", "timed_out")]
    return [f"  {job.name}: {job.reason or job.status.replace('_', ' ')}" for job in failed]


def _annotations(jobs: Sequence[JobDetail]) -> list[str]:
    return [_annotation(job, each) for job in jobs for each in job.annotations]


def _annotation(job: JobDetail, annotation: dict[str, object]) -> str:
    place = annotation.get("file")
    if place and annotation.get("line"):
        place = f"{place}:{annotation['line']}"
    where = f" ({place})" if place else ""
    return f"  {annotation['level']} in {job.name}{where}: {annotation['message']}"
