"""Chooses what a step runs: a script, a built-in action, or an action of the workspace."""

from collections.abc import Mapping

from app.engine.definition import RunDefaults, Step
from app.engine.states import StepStatus
from workers.runner.bodies import run_script
from workers.runner.commands import Effects
from workers.runner.run import Attempt, Ended
from workers.runner.scope import Scope


async def run_body(
    attempt: Attempt,
    step: Step,
    scope: Scope,
    *,
    defaults: RunDefaults,
    env: Mapping[str, str],
    effects: Effects,
) -> Ended:
    """Run what the step says.

    Raises:
        EvaluationFailed: an expression in it cannot be evaluated.
    """
    if step.uses is None:
        return await run_script(attempt, step, scope, defaults=defaults, env=env, effects=effects)
    return Ended(StepStatus.FAILURE, None, f"The action {step.uses!r} does not exist here.")
