"""One step of the file: its condition, its attempts, its states and what it leaves behind."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.core.clock import utcnow
from app.engine.definition import RunDefaults, Step
from app.engine.expressions import is_truthy
from app.engine.states import StepStatus
from workers.runner.commands import Effects
from workers.runner.defects import end_log, internal_error
from workers.runner.logsink import StepLog
from workers.runner.ports import MAX_NAME, MAX_REASON, Replaced, StepUpdate
from workers.runner.run import Attempt, Ended, JobRun
from workers.runner.scope import EvaluationFailed
from workers.runner.stopping import Cause
from workers.runner.uses import run_body
from workers.runner.workflow_commands import WorkflowCommands


@dataclass(slots=True)
class RunningStep:
    """A step on its way."""

    run: JobRun
    step: Step
    defaults: RunDefaults
    update: StepUpdate
    env: Mapping[str, str]

    def report(self, **changes: object) -> None:
        """Change the state and send it on its way."""
        self.update = replace(self.update, **changes)  # type: ignore[arg-type] # its own fields
        self.run.delivery.update(self.update)


async def run_step(run: JobRun, step: Step, defaults: RunDefaults) -> None:
    """Run one step of the file, or skip it; everything it does is reported and kept in the scope.

    Raises:
        Replaced: the claim is lost.
    """
    name = run.masker.text(step.title, MAX_NAME)
    number = run.assignment.first_step_attempt
    update = StepUpdate(step.index, number, name, StepStatus.PENDING)
    running = RunningStep(run, step, defaults, update, {})
    try:
        running.env = await run.scope.texts(step.env, "env")
        running.update = replace(update, name=run.masker.text(await _name(running), MAX_NAME))
        if not await run.scope.holds(step.condition, running.env):
            _skip(running, _why_skipped(run, step))
            return
        ended, effects = await _attempts(running)
    except EvaluationFailed as error:
        running.report(started_at=utcnow())
        ended, effects = Ended(StepStatus.FAILURE, None, str(error)), Effects()
    await _finish(running, ended, effects)


def skip_step(run: JobRun, step: Step, reason: str) -> None:
    """Say that a step does not run, without asking its condition."""
    name = run.masker.text(step.title, MAX_NAME)
    update = StepUpdate(step.index, run.assignment.first_step_attempt, name, StepStatus.PENDING)
    _skip(RunningStep(run, step, RunDefaults(), update, {}), reason)


async def _name(running: RunningStep) -> str:
    step, scope = running.step, running.run.scope
    if step.name:
        return await scope.text(step.name, "name", running.env)
    try:
        shown = await scope.text(step.title, "run", running.env)
    except EvaluationFailed:
        # One that goes on in the next line; if it is wrong, the script itself says so.
        return step.title
    return (shown.splitlines() or [step.title])[0]


def _why_skipped(run: JobRun, step: Step) -> str:
    line = step.position.line
    if step.condition is None:
        state = "was cancelled" if run.stopper.cancelled else "has a step that failed before"
        return f"The job {state} (step at line {line} has no `if`)."
    return f"Its condition is false: if: {step.condition.strip()} (step at line {line})."


def _skip(running: RunningStep, reason: str) -> None:
    step, run = running.step, running.run
    skipped = StepStatus.SKIPPED
    reason = run.masker.text(reason, MAX_REASON)
    running.report(
        status=skipped, outcome=skipped, conclusion=skipped, reason=reason, complete=True
    )
    if step.id:
        run.scope.steps[step.id] = _shown(skipped, skipped, {})


async def _attempts(running: RunningStep) -> tuple[Ended, Effects]:
    """Try until the step succeeds, may not be tried again or has to stop."""
    retry = running.step.retry
    delay = retry.delay_seconds
    tried = 1
    while True:
        ended, effects = await _attempt(running)
        again = ended.status.value in retry.on and tried < retry.max_attempts
        if not again or running.run.stopper.cancelled:
            return ended, effects
        running.report(
            status=ended.status, outcome=ended.outcome, conclusion=ended.outcome, complete=True
        )
        if await _cancelled_within(running.run, delay):
            return ended, effects
        delay *= retry.backoff
        tried += 1
        running.update = StepUpdate(
            running.step.index, running.update.attempt + 1, running.update.name, StepStatus.PENDING
        )


async def _cancelled_within(run: JobRun, seconds: float) -> bool:
    if seconds > 0 and not run.stopper.cancelled:
        await asyncio.wait((run.stopper.change(),), timeout=seconds)
    return run.stopper.cancelled is not None


async def _attempt(running: RunningStep) -> tuple[Ended, Effects]:
    run, step = running.run, running.step
    running.report(status=StepStatus.RUNNING, started_at=utcnow())
    attempt = new_attempt(run, step.index, running.update.attempt)
    attempt.survives_cancel = lambda: run.scope.would_hold(step.condition, running.env)
    effects = Effects()
    try:
        attempt.deadline = await _deadline(running)
        ended = await run_body(
            attempt, step, run.scope, defaults=running.defaults, env=running.env, effects=effects
        )
    except EvaluationFailed as error:
        ended = Ended(StepStatus.FAILURE, None, str(error))
    except Replaced:
        attempt.log.abandon()
        raise
    except OSError as error:
        # A full disk above all; the worker lives, and so does what the log has so far.
        ended = Ended(StepStatus.FAILURE, None, f"The worker cannot run the step: {error}.")
    except Exception as error:
        await _break_off(running, attempt, error)
        raise
    if ended.status is StepStatus.TIMED_OUT and run.stopper.cancelled is None:
        minutes = await run.scope.text(step.timeout_minutes, "timeout-minutes", running.env)
        ended = replace(ended, reason=f"The time-out of {minutes} minutes was reached.")
    await _close(running, attempt, ended)
    return ended, effects


def new_attempt(run: JobRun, index: int, number: int) -> Attempt:
    """An attempt with its own log; nothing runs yet."""
    unsecure = run.scope.env.get("ACTIONS_ALLOW_UNSECURE_COMMANDS", "").lower() == "true"
    debug = run.assignment.debug
    commands = WorkflowCommands(index, run.masker, debug=debug, allow_unsecure=unsecure)
    log = StepLog(
        index,
        number,
        run.masker,
        run.delivery.put,
        on_command=commands,
        max_bytes=run.settings.max_log_bytes,
        now_ns=run.settings.now_ns,
    )
    return Attempt(run, index, log, commands, lambda: False)


async def _close(running: RunningStep, attempt: Attempt, ended: Ended) -> None:
    run = running.run
    if run.stopper.over is Cause.LOST:
        attempt.log.abandon()
        return
    kept = await attempt.log.close()
    run.annotations += attempt.commands.annotations
    running.update = replace(
        running.update,
        finished_at=utcnow(),
        exit_code=ended.exit_code,
        reason=None if ended.reason is None else run.masker.text(ended.reason, MAX_REASON),
        summary=run.masker.text("\n".join(attempt.summaries)) if attempt.summaries else None,
        lines=kept.lines,
        bytes=kept.bytes,
        sha256=kept.sha256,
    )


async def _break_off(running: RunningStep, attempt: Attempt, error: Exception) -> None:
    kept = await end_log(attempt.log, error)
    if kept is not None:
        # Not complete: what the step may still have printed was not read.
        running.report(
            status=StepStatus.FAILURE,
            finished_at=utcnow(),
            reason=internal_error(error),
            lines=kept.lines,
            bytes=kept.bytes,
            sha256=kept.sha256,
        )


async def _deadline(running: RunningStep) -> float | None:
    value = running.step.timeout_minutes
    if value is None:
        return None
    found = await running.run.scope.value(value, "timeout-minutes", running.env)
    try:
        minutes = float(found)
    except (TypeError, ValueError):
        minutes = math.nan
    if not minutes >= 0:
        raise EvaluationFailed(f"timeout-minutes must be a number of minutes, not {found!r}.")
    return asyncio.get_running_loop().time() + minutes * 60


async def _finish(running: RunningStep, ended: Ended, effects: Effects) -> None:
    run, step = running.run, running.step
    outcome = conclusion = ended.outcome
    reason = ended.reason
    if outcome is StepStatus.FAILURE:
        try:
            found = await run.scope.value(step.continue_on_error, "continue-on-error", running.env)
        except EvaluationFailed as error:
            reason, found = f"{reason} {error}", False
        if is_truthy(found) and found != "false":
            conclusion = StepStatus.SUCCESS
    if conclusion is StepStatus.FAILURE:
        run.scope.failed = True
        run.first_failure = run.first_failure or f"Step {running.update.name!r}: {reason}"
    if step.id:
        run.scope.steps[step.id] = _shown(outcome, conclusion, effects.outputs)
    running.report(
        status=ended.status,
        outcome=outcome,
        conclusion=conclusion,
        finished_at=running.update.finished_at or utcnow(),
        reason=None if reason is None else run.masker.text(reason, MAX_REASON),
        outputs={name: run.masker.text(value) for name, value in effects.outputs.items()},
        complete=True,
    )


def _shown(
    outcome: StepStatus, conclusion: StepStatus, outputs: Mapping[str, str]
) -> dict[str, object]:
    return {"outputs": dict(outputs), "outcome": outcome.value, "conclusion": conclusion.value}
