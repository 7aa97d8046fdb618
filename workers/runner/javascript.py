"""JavaScript actions of the workspace: `pre`, `main` and, at the end of the job, `post`.

`pre` runs right before `main`: an action of the workspace is not there before an earlier step
brought it.
"""

from collections.abc import Mapping

from app.engine.definition import Step
from app.engine.states import StepStatus
from workers.runner.action_files import ActionFile
from workers.runner.commands import Effects, run_command
from workers.runner.run import Attempt, Ended, Post
from workers.runner.scope import Scope


async def run_javascript(
    attempt: Attempt,
    step: Step,
    action: ActionFile,
    scope: Scope,
    *,
    inputs: Mapping[str, str],
    env: Mapping[str, str],
    effects: Effects,
) -> Ended:
    """Run an action with Node.js and remember its `post`."""
    run = attempt.run
    variables = {**scope.overlay, **env, **_input_variables(inputs)}
    if not await run.has("node", run.command_env(variables)["PATH"]):
        reason = f"The action {step.uses!r} needs Node.js, which is not installed {run.place}."
        await attempt.log.note(f"##[error]{reason}")
        return Ended(StepStatus.FAILURE, None, reason)
    if action.post:
        run.posts.append(_post(step, action, variables, effects))
    if action.pre and await scope.holds(action.pre_if, env):
        ended = await _script(attempt, action, action.pre, variables, effects)
        if ended.status is not StepStatus.SUCCESS:
            return ended
    assert action.main is not None
    return await _script(attempt, action, action.main, variables, effects)


async def _script(
    attempt: Attempt,
    action: ActionFile,
    script: str,
    variables: Mapping[str, str],
    effects: Effects,
) -> Ended:
    state = {f"STATE_{name}": value for name, value in effects.state.items()}
    return await run_command(
        attempt,
        ("node", str(action.folder / script)),
        cwd=attempt.run.sandbox.paths.workspace,
        env={**variables, **state, "GITHUB_ACTION_PATH": str(action.folder)},
        effects=effects,
    )


def _post(
    step: Step,
    action: ActionFile,
    variables: Mapping[str, str],
    effects: Effects,
) -> Post:
    async def body(attempt: Attempt) -> Ended:
        assert action.post is not None
        return await _script(attempt, action, action.post, variables, effects)

    name = f"Post {step.name or step.uses}"
    return Post(name, action.post_if, body)


def _input_variables(inputs: Mapping[str, str]) -> dict[str, str]:
    return {f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in inputs.items()}
