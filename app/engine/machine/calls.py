"""What a call passes to the file that it uses."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.engine.definition import Input, Job
from app.engine.expressions import to_text
from app.engine.machine.fields import InvalidField, evaluated


def call_inputs(
    job: Job, declared: Sequence[Input], passed: Mapping[str, Any], contexts: Mapping[str, Any]
) -> dict[str, Any]:
    """The context `inputs` of the called file: declared kinds, with defaults.

    Parameters:
        contexts: what an expression in a default may read.

    Raises:
        InvalidField: a required input is missing, an unknown one is passed, or one has a value
            of another kind.
    """
    known = {one.name: one for one in declared}
    unknown = [name for name in passed if name not in known]
    if unknown:
        accepted = ", ".join(f"`{name}`" for name in known) or "no inputs"
        raise InvalidField(
            f"{_at(job, unknown[0])}: the called file has no such input; it accepts {accepted}"
        )
    return {name: _input(job, one, passed.get(name), contexts) for name, one in known.items()}


def _input(job: Job, declared: Input, value: Any, contexts: Mapping[str, Any]) -> Any:
    if value is None:
        if declared.required and declared.default is None:
            raise InvalidField(f"{_at(job, declared.name)}: the called file requires this input")
        value = evaluated(job, f"with.{declared.name}", declared.default, contexts)
    if declared.kind == "boolean":
        return _boolean(job, declared, value)
    if declared.kind == "number":
        return _number(job, declared, value)
    return to_text(value)


def _boolean(job: Job, declared: Input, value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise InvalidField(f"{_at(job, declared.name)}: must be a boolean, but is `{to_text(value)}`")


def _number(job: Job, declared: Input, value: Any) -> int | float:
    if value is None:
        return 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        shown = to_text(value)
        where = _at(job, declared.name)
        raise InvalidField(f"{where}: must be a number, but is `{shown}`") from None
    return int(number) if number.is_integer() else number


def _at(job: Job, name: str) -> str:
    return f"`with.{name}` of the job `{job.id}` (line {job.position.line})"
