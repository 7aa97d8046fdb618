"""The body of a step: a script, or an action."""

from collections.abc import Mapping
from pathlib import Path

from app.engine.definition import RunDefaults, Step
from app.engine.states import StepStatus
from workers.executors.base import CannotStart
from workers.runner.commands import Effects, run_command
from workers.runner.run import Attempt, Ended
from workers.runner.scope import Scope
from workers.runner.shells import shell_for


async def run_script(
    attempt: Attempt,
    step: Step,
    scope: Scope,
    *,
    defaults: RunDefaults,
    env: Mapping[str, str],
    effects: Effects,
) -> Ended:
    """Run the script of a `run` step.

    Raises:
        EvaluationFailed: an expression in it cannot be evaluated.
    """
    run = attempt.run
    text = await scope.text(step.run, "run", env)
    shell_name = step.shell or defaults.shell
    if shell_name is not None:
        shell_name = await scope.text(shell_name, "shell", env)
    folder = step.working_directory or defaults.working_directory or "."
    cwd = run.sandbox.paths.workspace / await scope.text(folder, "working-directory", env)
    variables = run.command_env({**scope.overlay, **env})
    try:
        shell = await shell_for(shell_name, variables["PATH"], run)
    except CannotStart as error:
        await attempt.log.note(f"##[error]{error}")
        return Ended(StepStatus.FAILURE, None, str(error))
    script = run.sandbox.write_file(f"script_{run.next_file()}{shell.suffix}", shell.script(text))
    try:
        return await run_command(
            attempt,
            shell.argv(str(script)),
            cwd=Path(cwd),
            env={**scope.overlay, **env},
            effects=effects,
        )
    finally:
        script.unlink(missing_ok=True)
