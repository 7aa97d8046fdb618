"""What a call passes to the file that it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.engine.definition import Input, Job
from app.engine.document.inputs import InvalidInputs, coerce_inputs
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
    with_defaults = [
        replace(one, default=evaluated(job, f"with.{one.name}", one.default, contexts))
        for one in declared
    ]
    try:
        return dict(coerce_inputs(with_defaults, passed))
    except InvalidInputs as error:
        line = job.position.line
        raise InvalidField(f"`with` of the job `{job.id}` (line {line}): {error}") from error
