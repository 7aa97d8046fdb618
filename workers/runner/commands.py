"""Runs one command of a step: process, log, environment files, time-outs."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.states import StepStatus
from workers.executors.base import CannotStart, Command, Process
from workers.runner.command_files import (
    MAX_FILE_BYTES,
    MAX_SUMMARY_BYTES,
    FileCommands,
    are_empty,
    make_files,
    read_files,
)
from workers.runner.environment import with_files
from workers.runner.logsink import StepLog
from workers.runner.run import SUCCEEDED, Attempt, Ended
from workers.runner.stopping import Cause, supervise


@dataclass(slots=True)
class Effects:
    """What a command left behind besides its exit code."""

    outputs: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)


async def run_command(
    attempt: Attempt,
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    effects: Effects,
) -> Ended:
    """Run a command with environment files of its own and apply what it wrote into them.

    Parameters: `env` is that of the step; the job's and the runner's variables are added.
    """
    run = attempt.run
    files = run.untouched_files or make_files(run.sandbox, str(run.next_file()))
    variables = run.command_env(env)
    with_files(variables, files)
    try:
        process = run.start(Command(argv, cwd, variables))
    except CannotStart as error:
        await attempt.log.note(f"##[error]{error}")
        return Ended(StepStatus.FAILURE, None, str(error))
    ended = await watch(attempt, process)
    run.untouched_files = files if are_empty(files) else {}
    written = FileCommands() if run.untouched_files else read_files(run.sandbox, files)
    errors = _apply(attempt, written, effects)
    for message in errors:
        await attempt.log.note(f"##[error]{message}")
    if errors and ended.status is StepStatus.SUCCESS:
        return Ended(StepStatus.FAILURE, ended.exit_code, errors[0])
    return ended


async def watch(attempt: Attempt, process: Process) -> Ended:
    """Take the output of a process until it ends or has to be stopped."""
    run = attempt.run
    pump = asyncio.get_running_loop().create_task(_pump(process, attempt.log))
    try:
        cause = await supervise(
            pump,
            process,
            run.stopper,
            deadline=attempt.deadline,
            survives_cancel=attempt.survives_cancel,
            grace_s=run.settings.grace_s,
        )
    finally:
        if not pump.done():
            process.kill()
            pump.cancel()
    if cause is not None:
        return stopped(cause)
    return _ended(pump.result())


def stopped(cause: Cause) -> Ended:
    """How something ended that was stopped for this cause."""
    match cause:
        case Cause.STEP_TIMED_OUT:
            return Ended(StepStatus.TIMED_OUT, None, "The time-out of the step was reached.")
        case Cause.JOB_TIMED_OUT:
            return Ended(StepStatus.TIMED_OUT, None, "The time-out of the job was reached.")
        case Cause.CLEANUP_TIMED_OUT:
            reason = "The time for steps after a cancel or time-out was over."
            return Ended(StepStatus.TIMED_OUT, None, reason)
        case Cause.CANCELLED | Cause.FORCED | Cause.LOST:
            return Ended(StepStatus.CANCELLED, None, "The job was cancelled.")


async def _pump(process: Process, log: StepLog) -> int:
    while data := await process.read():
        await log.feed(data)
    return await process.wait()


def _ended(code: int) -> Ended:
    if code == 0:
        return SUCCEEDED
    reason = f"Process completed with exit code {code}."
    if code > 128 and code - 128 in set(signal.Signals):
        reason = f"Process completed with exit code {code} ({signal.Signals(code - 128).name})."
    return Ended(StepStatus.FAILURE, code, reason)


def _apply(attempt: Attempt, written: FileCommands, effects: Effects) -> list[str]:
    commands, run = attempt.commands, attempt.run
    run.scope.env.update(commands.env | written.env)
    run.paths += [*commands.paths, *written.paths]
    effects.outputs.update(commands.outputs | written.outputs)
    effects.state.update(commands.state | written.state)
    if written.summary and sum(map(len, attempt.summaries)) < MAX_SUMMARY_BYTES:
        attempt.summaries.append(written.summary)
    errors = [*commands.errors, *written.errors]
    if sum(map(len, effects.outputs.values())) > MAX_FILE_BYTES:
        effects.outputs.clear()
        errors.append("The outputs of the step are together larger than 1 MiB; none is kept.")
    for kept in (commands.env, commands.paths, commands.outputs, commands.state, commands.errors):
        kept.clear()
    return errors
