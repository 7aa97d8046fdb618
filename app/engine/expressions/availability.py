"""Where which contexts and functions may be used.

GitHub documentation "Contexts reference", Context availability; for `action.yml` the schema of
composite actions. Keys of our own are like their neighbours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.engine.expressions.signatures import STATUS_FUNCTIONS


@dataclass(frozen=True, slots=True)
class Availability:
    """Contexts and special functions of one key; the built-in functions are available anywhere.

    Both can be passed to `parse`: `parse(text, names=a.contexts, functions=a.functions)`.
    """

    contexts: frozenset[str]
    functions: frozenset[str] = frozenset()


def _of(contexts: str, functions: frozenset[str] = frozenset()) -> Availability:
    return Availability(frozenset(contexts.split()), functions)


_HASH: Final = frozenset({"hashfiles"})

_RUN = _of("github inputs vars")
_WORKFLOW_ENV = _of("github secrets inputs vars")
_BEFORE_MATRIX = _of("github needs vars inputs")
_JOB = _of("github needs strategy matrix vars inputs")
_JOB_SECRETS = _of("github needs strategy matrix vars secrets inputs")
_JOB_ENV = _of("github needs strategy matrix env vars inputs")
_CREDENTIALS = _of("github needs strategy matrix env vars secrets inputs")
_CONTAINER_ENV = _of("github needs strategy matrix job runner env vars secrets inputs")
_AFTER_STEPS = _of("github needs strategy matrix job runner env vars steps inputs")
_OUTPUTS = _of("github needs strategy matrix job runner env vars secrets steps inputs")
_STEP = Availability(_OUTPUTS.contexts, _HASH)
_STEP_IF = Availability(_AFTER_STEPS.contexts, STATUS_FUNCTIONS | _HASH)
_JOB_IF = Availability(_BEFORE_MATRIX.contexts, STATUS_FUNCTIONS)
_ACTION = _of("github inputs strategy matrix steps job runner env", _HASH)

_WORKFLOW: Final = {
    "run-name": _RUN,
    "concurrency": _RUN,
    "env": _WORKFLOW_ENV,
    "on.workflow_call.inputs.<inputs_id>.default": _RUN,
    "on.workflow_call.outputs.<output_id>.value": _of("github jobs vars inputs"),
}
_JOBS: Final = {
    "jobs.<job_id>.concurrency": _JOB,
    "jobs.<job_id>.container": _JOB,
    "jobs.<job_id>.container.credentials": _CREDENTIALS,
    "jobs.<job_id>.container.env.<env_id>": _CONTAINER_ENV,
    "jobs.<job_id>.container.image": _JOB,
    "jobs.<job_id>.continue-on-error": _JOB,
    "jobs.<job_id>.defaults.run": _JOB_ENV,
    "jobs.<job_id>.env": _JOB_SECRETS,
    "jobs.<job_id>.environment": _JOB,
    "jobs.<job_id>.environment.url": _AFTER_STEPS,
    "jobs.<job_id>.if": _JOB_IF,
    "jobs.<job_id>.name": _JOB,
    "jobs.<job_id>.outputs.<output_id>": _OUTPUTS,
    "jobs.<job_id>.reports": _JOB,
    "jobs.<job_id>.retry": _JOB,
    "jobs.<job_id>.runs-on": _JOB,
    "jobs.<job_id>.secrets.<secrets_id>": _JOB_SECRETS,
    "jobs.<job_id>.services": _JOB,
    "jobs.<job_id>.services.<service_id>.credentials": _CREDENTIALS,
    "jobs.<job_id>.services.<service_id>.env.<env_id>": _CONTAINER_ENV,
    "jobs.<job_id>.strategy": _BEFORE_MATRIX,
    "jobs.<job_id>.timeout-minutes": _JOB,
    "jobs.<job_id>.with.<with_id>": _JOB,
}
_STEPS: Final = {
    f"jobs.<job_id>.steps.{key}": _STEP
    for key in (
        "continue-on-error",
        "env",
        "name",
        "retry",
        "run",
        "timeout-minutes",
        "with",
        "working-directory",
    )
}
_ACTIONS: Final = {
    "inputs.<inputs_id>.default": _of("github strategy matrix job runner", _HASH),
    "outputs.<output_id>.value": _of("github strategy matrix steps inputs job runner env"),
    "runs.steps.if": Availability(_ACTION.contexts, STATUS_FUNCTIONS | _HASH),
    **{
        f"runs.steps.{key}": _ACTION
        for key in ("continue-on-error", "env", "name", "run", "with", "working-directory")
    },
}

#: What may be used where, by the key as GitHub's table names it.
AVAILABLE: Final[Mapping[str, Availability]] = MappingProxyType(
    {**_WORKFLOW, **_JOBS, "jobs.<job_id>.steps.if": _STEP_IF, **_STEPS, **_ACTIONS}
)


def availability(key: str) -> Availability | None:
    """What may be used at a key, or at the nearest key above it that the table names.

    Parameters:
        key: in the table's form, `jobs.<job_id>.strategy.matrix`.

    Returns:
        None where no expression may stand at all.
    """
    while key:
        found = AVAILABLE.get(key)
        if found is not None:
            return found
        key = key.rpartition(".")[0]
    return None
