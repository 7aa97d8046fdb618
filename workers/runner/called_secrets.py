"""The secrets of a job inside a called workflow: what its callers pass on, and nothing else.

GitHub documentation "Reusing workflows", section "Passing inputs and secrets".
"""

from collections.abc import Mapping
from typing import Any

from app.engine.definition import Scalar
from app.engine.expressions import (
    ExpressionError,
    has_expression,
    parse_template,
    render,
    to_text,
)
from workers.runner.ports import Assignment, Calling
from workers.runner.scope import EvaluationFailed

_ALWAYS = "GITHUB_TOKEN"


def passed_secrets(assignment: Assignment) -> Mapping[str, str]:
    """What `secrets.*` shows in the job.

    Raises:
        EvaluationFailed: a caller passes something that cannot be evaluated.
    """
    secrets = assignment.secrets
    for call in assignment.calls:
        if call.job.secrets != "inherit":
            own = {_ALWAYS: secrets[_ALWAYS]} if _ALWAYS in secrets else {}
            secrets = own | _passed(call, call.job.secrets, secrets)
    return secrets


def _passed(
    call: Calling, values: Mapping[str, Scalar], secrets: Mapping[str, str]
) -> dict[str, str]:
    contexts = {**call.contexts, "secrets": dict(secrets)}
    passed = {}
    for name, value in values.items():
        try:
            passed[name] = to_text(_rendered(value, contexts))
        except ExpressionError as error:
            what = f"jobs.{call.job.id}.secrets.{name}"
            raise EvaluationFailed(f"{what} cannot be evaluated: {error.message}.") from None
    return passed


def _rendered(value: Scalar, contexts: Mapping[str, Any]) -> object:
    if isinstance(value, str) and has_expression(value):
        return render(parse_template(value), contexts)
    return value
