"""Compares what an execution did with what its file expects.

A job or step is `success`, or a map with one of the states as a key, whose value is a part of the
reason: `{skipped: "`if` on line 7 is false"}`. Other keys of the map:

    job:   name, reason, outputs (all of them; none by default), matrix, attempt, labels,
           environment, url, annotations (each a map of what it must hold; none by default),
           steps (all succeed by default)
    step:  name, id, outcome, conclusion, exit, outputs, summary, log (all lines), has and lacks
           (parts of the log)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.engine.states import JobStatus
from tests.workflows.cases import Case

_STATES: Final = frozenset(JobStatus)
_LINE: Final = re.compile(r"\bline \d+\b")
_JOB_FIELDS: Final = {"name": "name", "matrix": "matrix", "attempt": "attempt", "labels": "labels"}
_JOB_FIELDS_SET: Final = {**_JOB_FIELDS, "environment": "environment", "url": "environment_url"}
_STEP_FIELDS: Final = {
    "name": "name",
    "id": "step_id",
    "outcome": "outcome",
    "conclusion": "conclusion",
    "exit": "exit_code",
    "outputs": "outputs",
    "summary": "summary",
    "try": "try_number",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the API shows of an ended execution. `logs` by step id; `events` are its history."""

    detail: Mapping[str, Any]
    logs: Mapping[str, str]
    events: Sequence[Mapping[str, Any]]


def complaints(case: Case, outcome: Outcome) -> list[str]:
    """Everything that is not as the file says; empty when all is."""
    found = list(_execution(case.expected, outcome))
    return found + list(_reasons(outcome))


def _execution(expected: Mapping[str, Any], outcome: Outcome) -> Iterator[str]:
    detail = outcome.detail
    assert expected.keys() <= {"status", "reason", "title", "jobs"}, sorted(expected)
    yield from _equal("the execution", "status", expected.get("status", "success"), detail)
    if "title" in expected:
        yield from _equal("the execution", "title", expected["title"], detail)
    yield from _part("the execution", expected.get("reason"), detail["reason"])
    jobs = {job["key"]: job for job in detail["jobs"]}
    if jobs.keys() != expected["jobs"].keys():
        yield f"jobs are {sorted(jobs)}, expected {sorted(expected['jobs'])}"
    for key, wanted in expected["jobs"].items():
        if key in jobs:
            yield from _job(f"job {key}", _spelled_out(wanted), jobs[key], outcome.logs)


def _spelled_out(wanted: str | Mapping[str, Any]) -> dict[str, Any]:
    """`status` and `reason` of a short form."""
    if isinstance(wanted, str):
        return {"status": wanted}
    state = next((key for key in wanted if key in _STATES), None)
    if state is None:
        return {"status": "success", **wanted}
    rest = {key: value for key, value in wanted.items() if key != state}
    return {"status": state, "reason": wanted[state], **rest}


def _job(
    where: str, wanted: dict[str, Any], job: Mapping[str, Any], logs: Mapping[str, str]
) -> Iterator[str]:
    yield from _equal(where, "status", wanted.pop("status"), job)
    yield from _part(where, wanted.pop("reason", None), job["reason"])
    yield from _equal(where, "outputs", wanted.pop("outputs", {}), job)
    yield from _annotations(where, wanted.pop("annotations", []), job["annotations"])
    yield from _steps(where, wanted.pop("steps", None), job, logs)
    for name, value in wanted.items():
        yield from _equal(where, _JOB_FIELDS_SET[name], value, job)


def _annotations(
    where: str, wanted: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    if len(wanted) != len(shown):
        yield f"{where}: annotations are {list(shown)}"
        return
    for one, found in zip(wanted, shown, strict=True):
        if any(found.get(name) != value for name, value in one.items()):
            yield f"{where}: the annotation {dict(found)} is not {dict(one)}"


def _steps(
    where: str,
    wanted: Sequence[str | Mapping[str, Any]] | None,
    job: Mapping[str, Any],
    logs: Mapping[str, str],
) -> Iterator[str]:
    steps = job["steps"]
    expected = ["success"] * len(steps) if wanted is None else list(wanted)
    if len(expected) != len(steps):
        yield f"{where}: steps are {[(one['name'], one['status']) for one in steps]}"
    for number, (one, step) in enumerate(zip(expected, steps, strict=False)):
        place = f"{where}, step {number}"
        yield from _step(place, _spelled_out(one), step, logs.get(step["id"], ""))


def _step(where: str, wanted: dict[str, Any], step: Mapping[str, Any], log: str) -> Iterator[str]:
    yield from _equal(where, "status", wanted.pop("status"), step, f"; its log:\n{log}")
    yield from _part(where, wanted.pop("reason", None), step["reason"])
    yield from _log(where, wanted, log)
    for name, value in wanted.items():
        yield from _equal(where, _STEP_FIELDS[name], value, step)


def _log(where: str, wanted: dict[str, Any], log: str) -> Iterator[str]:
    if "log" in wanted:
        whole = wanted.pop("log")
        lines = whole.splitlines() if isinstance(whole, str) else list(whole)
        if log.splitlines() != lines:
            yield f"{where}: the log is {log.splitlines()}, expected {lines}"
    for part in wanted.pop("has", []):
        if part not in log:
            yield f"{where}: the log has no {part!r}:\n{log}"
    for part in wanted.pop("lacks", []):
        if part in log:
            yield f"{where}: the log has {part!r}:\n{log}"


def _equal(
    where: str, name: str, value: object, found: Mapping[str, Any], more: str = ""
) -> Iterator[str]:
    if found[name] != value:
        why = f" ({found['reason']})" if found.get("reason") else ""
        yield f"{where}: {name} is {found[name]!r}, expected {value!r}{why}{more}"


def _part(where: str, part: str | None, reason: str | None) -> Iterator[str]:
    if part and part not in (reason or ""):
        yield f"{where}: the reason is {reason!r}, expected {part!r}"


def _reasons(outcome: Outcome) -> Iterator[str]:
    """What was skipped, held back or cancelled says why, with the line of the file."""
    for job in outcome.detail["jobs"]:
        yield from _reason(f"job {job['key']}", job["status"], job["reason"])
        for step in job["steps"]:
            place = f"job {job['key']}, step {step['index']}"
            yield from _reason(place, step["status"], step["reason"])
    for event in outcome.events:
        data = event["data"]
        if event["type"] == "job.changed":
            place = f"job {data['key']}, event {event['seq']}"
            yield from _reason(place, data["status"], data["reason"])


def _reason(where: str, status: str, reason: str | None) -> Iterator[str]:
    if status in {"failure", "timed_out"} and not reason:
        yield f"{where}: {status} without a reason"
    if status in {"skipped", "cancelled", "waiting", "blocked"}:
        by_somebody = status == "cancelled" and "cancelled" in (reason or "")
        if not by_somebody and not _LINE.search(reason or ""):
            yield f"{where}: {status} because of {reason!r}, which names no line"
