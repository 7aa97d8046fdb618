"""Composite actions: steps in a step, with inputs, outputs and a scope of their own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from app.engine.definition import RunDefaults, Step
from app.engine.expressions import is_truthy
from app.engine.states import StepStatus
from workers.runner.action_files import ActionFile
from workers.runner.commands import Effects
from workers.runner.run import SUCCEEDED, Attempt, Ended
from workers.runner.scope import EvaluationFailed, Scope

MAX_DEPTH = 10

RunBody = Callable[..., Awaitable[Ended]]


async def run_composite(
    attempt: Attempt,
    action: ActionFile,
    scope: Scope,
    *,
    inputs: Mapping[str, str],
    env: Mapping[str, str],
    effects: Effects,
    run_body: RunBody,
) -> Ended:
    """Run the steps of a composite action in the log of the step that uses it.

    Raises:
        EvaluationFailed: an expression of the action cannot be evaluated.
    """
    if scope.depth >= MAX_DEPTH:
        reason = f"Composite actions are nested more than {MAX_DEPTH} levels deep."
        return Ended(StepStatus.FAILURE, None, reason)
    inner = replace(
        scope,
        fixed={**scope.fixed, "inputs": dict(inputs)},
        github={**scope.github, "action_path": str(action.folder)},
        overlay={**scope.overlay, **env},
        steps={},
        failed=False,
        depth=scope.depth + 1,
    )
    survives = attempt.survives_cancel
    result = SUCCEEDED
    for step in action.steps:
        if attempt.run.stopper.over is not None:
            break
        ended = await _run_step(attempt, step, inner, run_body)
        if ended is not None and result is SUCCEEDED:
            result = ended
            inner.failed = True
        attempt.survives_cancel = survives
    for name, value in action.outputs.items():
        effects.outputs[name] = await inner.text(value, f"outputs.{name}")
    return result


async def _run_step(attempt: Attempt, step: Step, scope: Scope, run_body: RunBody) -> Ended | None:
    """Run or skip one step; how it ended when that makes the action fail."""
    effects = Effects()
    outcome = StepStatus.SKIPPED
    ended = None
    try:
        env = await scope.texts(step.env, "env")
        if await scope.holds(step.condition, env):
            outer = attempt.survives_cancel
            attempt.survives_cancel = lambda: outer() or scope.would_hold(step.condition, env)
            env = {**env, "GITHUB_ACTION_PATH": scope.github["action_path"]}
            ended = await run_body(
                attempt, step, scope, defaults=RunDefaults(), env=env, effects=effects
            )
            outcome = ended.outcome
    except EvaluationFailed as error:
        await attempt.log.note(f"##[error]{error}")
        ended, outcome = Ended(StepStatus.FAILURE, None, str(error)), StepStatus.FAILURE
    forgiven = outcome is StepStatus.FAILURE and is_truthy(
        await scope.value(step.continue_on_error, "continue-on-error")
    )
    if step.id:
        conclusion = StepStatus.SUCCESS if forgiven else outcome
        scope.steps[step.id] = {
            "outputs": dict(effects.outputs),
            "outcome": outcome.value,
            "conclusion": conclusion.value,
        }
    if ended is None or ended.status is StepStatus.SUCCESS or forgiven:
        return None
    return ended
