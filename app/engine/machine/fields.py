"""The fields of a node that a file may compute: evaluated, converted and checked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.engine.definition import Job, Value
from app.engine.expressions import ExpressionError, is_truthy, to_number, to_text
from app.engine.machine.evaluation import is_dynamic, reads, value_of
from app.engine.machine.labels import required_labels

MAX_NAME: Final = 255
MAX_MINUTES: Final = 525_600


class InvalidField(Exception):
    """A value of a job that cannot be used. The message names the key, the job and the line."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a node: where its text is in the file, and how its value is read."""

    key: str
    written: Callable[[Job], Value]
    read: Callable[[Any], Any]


def boolean(value: Any) -> bool:
    """A value where a boolean is meant.

    Raises:
        InvalidField: it is neither a boolean, nor its text, nor empty.
    """
    # An expression such as `inputs.x || 'false'` gives text where a boolean is meant.
    if isinstance(value, str) and value.lower() in {"true", "false", ""}:
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return is_truthy(value)
    raise InvalidField(f"must be true or false, but is `{to_text(value)}`")


def _minutes(value: Any) -> float:
    minutes = 360.0 if value in (None, "") else to_number(value)
    if not (math.isfinite(minutes) and 0 < minutes <= MAX_MINUTES):
        shown = to_text(value)
        raise InvalidField(f"must be a number of minutes up to {MAX_MINUTES}, but is `{shown}`")
    return minutes * 60.0


def _count(value: Any) -> int | None:
    if value is None or value == "":
        return None
    count = to_number(value)
    if not (count >= 1 and count.is_integer()):
        raise InvalidField(f"must be a whole number of at least 1, but is `{to_text(value)}`")
    return int(count)


def _name(value: Any) -> str | None:
    text = to_text(value)
    if len(text) > MAX_NAME:
        raise InvalidField(f"is {len(text)} characters long; at most {MAX_NAME} are allowed")
    return text or None


def _labels(value: Any) -> tuple[str, ...]:
    labels = value if isinstance(value, list) else [] if value is None else [value]
    for label in labels:
        if not isinstance(label, str) or not label.strip():
            shown = to_text(label)
            raise InvalidField(f"must be a label or a list of labels, but has `{shown}` in it")
    return required_labels(labels)


_STRATEGY: Final[Mapping[str, _Field]] = {
    "fail_fast": _Field("strategy.fail-fast", lambda job: job.strategy.fail_fast, boolean),
    "max_parallel": _Field("strategy.max-parallel", lambda job: job.strategy.max_parallel, _count),
}
_JOB: Final[Mapping[str, _Field]] = {
    "name": _Field("name", lambda job: job.name, to_text),
    "labels": _Field("runs-on", lambda job: job.runs_on, _labels),
    "environment": _Field(
        "environment", lambda job: job.environment and job.environment.name, _name
    ),
    "concurrency_group": _Field(
        "concurrency", lambda job: job.concurrency and job.concurrency.group, _name
    ),
    "cancel_in_progress": _Field(
        "concurrency.cancel-in-progress",
        lambda job: job.concurrency and job.concurrency.cancel_in_progress,
        boolean,
    ),
    "timeout_s": _Field("timeout-minutes", lambda job: job.timeout_minutes, _minutes),
    "continue_on_error": _Field("continue-on-error", lambda job: job.continue_on_error, boolean),
}


def early_strategy(job: Job, contexts: Mapping[str, Any]) -> dict[str, Any]:
    """`fail_fast` and `max_parallel` as far as they are known before the needs are."""
    return _early(_STRATEGY, job, contexts)


def late_strategy(job: Job, contexts: Mapping[str, Any]) -> dict[str, Any]:
    """`fail_fast` and `max_parallel`, where they are computed.

    Raises:
        InvalidField: a value cannot be evaluated or used.
    """
    return _late(_STRATEGY, job, contexts)


def early_fields(job: Job, contexts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a node as far as they are known before the needs are.

    What cannot be evaluated yet, or at all, is left out: `late_fields` has the last word, and its
    complaint becomes the reason of the job.
    """
    return _early(_JOB, job, contexts)


def late_fields(job: Job, contexts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are computed, when everything is known.

    Raises:
        InvalidField: a value cannot be evaluated or used.
    """
    return _late(_JOB, job, contexts)


def _early(table: Mapping[str, _Field], job: Job, contexts: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, field in table.items():
        written = field.written(job)
        try:
            if written is not None and not reads(written, "needs"):
                found[name] = field.read(value_of(written, contexts))
        except (ExpressionError, InvalidField):
            continue
    return found


def _late(table: Mapping[str, _Field], job: Job, contexts: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, field in table.items():
        written = field.written(job)
        if is_dynamic(written):
            found[name] = evaluated(job, field.key, written, contexts, field.read)
    return found


def evaluated(
    job: Job,
    key: str,
    written: Value,
    contexts: Mapping[str, Any],
    read: Callable[[Any], Any] = lambda value: value,
) -> Any:
    """A value of a job, evaluated and converted.

    Raises:
        InvalidField: it cannot be evaluated or used; says where.
    """
    try:
        return read(value_of(written, contexts))
    except (ExpressionError, InvalidField) as error:
        line = job.position.line
        raise InvalidField(f"`{key}` of the job `{job.id}` (line {line}): {error}") from error
