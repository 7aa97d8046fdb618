"""Chooses what a step runs: a script, a built-in action, or an action of the workspace."""

import asyncio
import re
from collections.abc import Mapping

from app.engine.definition import RunDefaults, Scalar, Step
from app.engine.document import BUILT_IN, resolve
from app.engine.expressions import to_text
from app.engine.states import StepStatus
from workers.actions.base import ActionCall, run_action
from workers.actions.registry import ACTIONS
from workers.runner.action_files import ActionFile, ActionIsInvalid, read_action
from workers.runner.bodies import run_script
from workers.runner.commands import Effects
from workers.runner.composite import run_composite
from workers.runner.javascript import run_javascript
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
    attempt.run.name_action(scope, step.id or _action_name(step))
    if step.uses is None:
        return await run_script(attempt, step, scope, defaults=defaults, env=env, effects=effects)
    given = await scope.texts(step.with_, "with", env)
    await asyncio.to_thread(attempt.run.sandbox.take_over)
    if step.uses.startswith("./"):
        return await _from_workspace(attempt, step, scope, given, env, effects)
    name = resolve(step.uses)
    if name is None or name not in ACTIONS:
        return await _failed(attempt, f"This worker has no action {step.uses!r}.")
    try:
        inputs = _inputs(name, given)
    except ActionIsInvalid as error:
        return await _failed(attempt, str(error))
    call = ActionCall(attempt, inputs, frozenset(given), {**scope.overlay, **env}, effects)
    return await run_action(ACTIONS[name], call)


def _action_name(step: Step) -> str:
    """What `github.action` says for a step without an id, as GitHub makes it."""
    if step.uses is None:
        return "__run"
    return "__" + re.sub(r"[^A-Za-z0-9_-]+", "_", step.uses.partition("@")[0].lstrip("./"))


def _inputs(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """What is given and the defaults, with the names as the action writes them."""
    known = BUILT_IN[name].inputs
    by_folded = {key.lower(): value for key, value in given.items()}
    inputs = {}
    for key, declared in known.items():
        value = by_folded.get(key.lower(), declared.default)
        if declared.required and not value:
            raise ActionIsInvalid(f"Input {key!r} of {name!r} is required.")
        if value is not None:
            inputs[key] = value
    return inputs


async def _from_workspace(
    attempt: Attempt,
    step: Step,
    scope: Scope,
    given: Mapping[str, str],
    env: Mapping[str, str],
    effects: Effects,
) -> Ended:
    assert step.uses is not None
    try:
        action = read_action(attempt.run.sandbox, step.uses)
    except ActionIsInvalid as error:
        return await _failed(attempt, str(error))
    inputs = await _action_inputs(attempt, action, scope, given)
    if action.using == "composite":
        return await run_composite(
            attempt, action, scope, inputs=inputs, env=env, effects=effects, run_body=run_body
        )
    return await run_javascript(
        attempt, step, action, scope, inputs=inputs, env=env, effects=effects
    )


async def _action_inputs(
    attempt: Attempt, action: ActionFile, scope: Scope, given: Mapping[str, str]
) -> dict[str, str]:
    by_folded = {key.lower(): (key, value) for key, value in given.items()}
    inputs: dict[str, str] = {}
    for name, declared in action.inputs.items():
        _, value = by_folded.pop(name.lower(), (name, None))
        if value is not None and declared.deprecation:
            await attempt.log.note(f"##[warning]Input {name!r}: {declared.deprecation}")
        if value is None:
            value = await _default(declared.default, name, scope)
        if declared.required and not value:
            await attempt.log.note(f"##[warning]Input {name!r} is required and was not given.")
        inputs[name] = value
    for name, value in by_folded.values():
        expected = ", ".join(action.inputs) or "none"
        await attempt.log.note(
            f"##[warning]Unexpected input {name!r}; the action has these inputs: {expected}."
        )
        inputs[name] = value
    return inputs


async def _default(value: Scalar, name: str, scope: Scope) -> str:
    return to_text(await scope.value(value, f"inputs.{name}.default"))


async def _failed(attempt: Attempt, reason: str) -> Ended:
    await attempt.log.note(f"##[error]{reason}")
    return Ended(StepStatus.FAILURE, None, reason)
