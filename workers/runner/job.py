"""Runs one assignment from beginning to end."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.logging import logger
from app.engine.definition import RunDefaults
from app.engine.expressions import to_text
from app.engine.states import JobStatus
from workers.executors.base import CannotStart, Executor, Sandbox, SandboxRequest
from workers.runner.called_secrets import passed_secrets
from workers.runner.coalescing import Delivery
from workers.runner.containers import prepare_containers
from workers.runner.defects import internal_error
from workers.runner.environment import fixed_variables, inherited, runner_context
from workers.runner.masking import Masker
from workers.runner.ports import (
    MAX_REASON,
    MAX_URL,
    Annotation,
    Assignment,
    CancelSignal,
    JobResult,
    LogStore,
    Replaced,
    Reporter,
)
from workers.runner.posts import run_post
from workers.runner.reports import add_report_post
from workers.runner.run import JobRun
from workers.runner.scope import EvaluationFailed, Scope
from workers.runner.settings import RunnerSettings
from workers.runner.steps import run_step, skip_step
from workers.runner.stopping import Cause, Stopper

MAX_ANNOTATIONS = 500
MAX_OUTPUTS = 1 << 20
_DEBUG = "ACTIONS_STEP_DEBUG"
_AGAIN_S = 1.0

log = logger(__name__)


async def run_job(
    assignment: Assignment,
    *,
    reporter: Reporter,
    logs: LogStore,
    executor: Executor,
    cancel: CancelSignal,
    settings: RunnerSettings | None = None,
) -> JobResult:
    """Run a claimed job: workspace, steps in order, logs, result. Nothing of it is left running.

    The result was stored through `reporter.finish` when this returns.

    Raises:
        Replaced: the claim was lost; every process of the job was killed, nothing more was written.
        Exception: its end could not be stored, for another reason; no process of it is left either.
    """
    settings = settings or RunnerSettings()
    assignment = replace(assignment, debug=assignment.debug or _asks_for_debug(assignment))
    marker = secrets.token_hex(16)
    name = f"{assignment.job_id.hex}-{assignment.attempt}-{marker[:8]}"
    if assignment.cancel_requested and not cancel.requested:
        cancel.request("The execution was cancelled.")
    try:
        sandbox = await executor.open(SandboxRequest(name, marker, assignment.keep_workspace))
    except CannotStart as error:
        result = JobResult(JobStatus.FAILURE, str(error))
        await reporter.finish(result)
        return result
    spool = executor.spool_folder / f"{name}.spool"
    stopper = Stopper(cancel, timeout_s=assignment.timeout_s, cleanup_s=settings.cleanup_s)
    delivery = Delivery(
        reporter, logs, spool, max_spool_bytes=settings.max_spool_bytes, on_lost=stopper.lose
    )
    closing: asyncio.Task[None] | None = None
    try:
        try:
            result = await _work(assignment, sandbox, marker, delivery, stopper, settings)
        finally:
            await _end(sandbox)
            # Beside the end's way into the database: nobody waits for the removal of files.
            closing = asyncio.create_task(sandbox.close())
        if cancel.handing_back and stopper.over is Cause.FORCED:
            result = JobResult(JobStatus.CANCELLED, cancel.reason, handed_back=True)
        if sandbox.was_killed:
            result = JobResult(JobStatus.FAILURE, "The worker did not respond.", lost=True)
        await delivery.finish(result)
        return result
    finally:
        if closing is not None:
            await closing
        await stopper.close()
        await delivery.close()


async def _work(
    assignment: Assignment,
    sandbox: Sandbox,
    marker: str,
    delivery: Delivery,
    stopper: Stopper,
    settings: RunnerSettings,
) -> JobResult:
    try:
        return await _run(_prepare(assignment, sandbox, marker, delivery, stopper, settings))
    except OSError as error:
        return JobResult(JobStatus.FAILURE, f"The worker cannot run the job: {error}.")
    except EvaluationFailed as error:
        return JobResult(JobStatus.FAILURE, str(error))
    except Replaced:
        if delivery.failure is not None:
            # The claim is still ours to end; only the way to the store is broken.
            raise delivery.failure from None
        raise
    except Exception as error:
        log.exception("job_broke_off", job_id=str(assignment.job_id))
        return JobResult(JobStatus.FAILURE, internal_error(error), lost=True)


async def _end(sandbox: Sandbox) -> None:
    """Whatever goes wrong: nobody may begin this job again while a process of it is left."""
    while True:
        try:
            await sandbox.end()
        except Exception:
            log.exception("processes_not_ended")
            await asyncio.sleep(_AGAIN_S)
        else:
            return


def _asks_for_debug(assignment: Assignment) -> bool:
    """As on GitHub, a secret or variable ACTIONS_STEP_DEBUG turns `::debug::` lines on."""
    variables = assignment.contexts.get("vars") or {}
    asked = assignment.secrets.get(_DEBUG) or variables.get(_DEBUG) or ""
    return str(asked).lower() == "true"


def _prepare(
    assignment: Assignment,
    sandbox: Sandbox,
    marker: str,
    delivery: Delivery,
    stopper: Stopper,
    settings: RunnerSettings,
) -> JobRun:
    if assignment.unusable is not None:
        raise EvaluationFailed(assignment.unusable)
    github = dict(assignment.contexts.get("github") or {})
    event = sandbox.write_file("event.json", json.dumps(github.get("event") or {}).encode())
    github |= {
        "workspace": str(sandbox.paths.workspace),
        "event_path": str(event),
        "job": assignment.job.id,
        "action": "__run",
        "token": github.get("token") or assignment.secrets.get("GITHUB_TOKEN", ""),
    }
    runner = runner_context(sandbox, settings.worker_name, assignment.debug)
    fixed: dict[str, Any] = {
        key: assignment.contexts.get(key) or {}
        for key in ("inputs", "vars", "needs", "matrix", "strategy")
    }
    secrets = passed_secrets(assignment)
    fixed |= {"secrets": dict(secrets), "runner": runner}
    scope = Scope(fixed, github, sandbox, is_cancelled=lambda: stopper.cancelled is not None)
    base = {**inherited(settings.pass_on), **sandbox.account_variables}
    masker = Masker()
    for value in secrets.values():
        # What a caller made of a secret is one, too.
        masker.add(value)
    short = [name for name, value in assignment.secrets.items() if not masker.add(value) and value]
    return JobRun(
        assignment,
        sandbox,
        masker,
        delivery,
        stopper,
        settings,
        scope,
        base,
        fixed_variables(assignment, sandbox, marker, github, runner),
        annotations=[Annotation(-1, "notice", _too_short(name)) for name in sorted(short)],
    )


def _too_short(name: str) -> str:
    return f"The secret {name} has less than 3 characters in a line and is not masked in logs."


async def _run(run: JobRun) -> JobResult:
    job, definition = run.assignment.job, run.assignment.definition
    try:
        run.scope.env.update(await run.scope.texts(definition.env, "env"))
        run.scope.env.update(await run.scope.texts(job.env, f"jobs.{job.id}.env"))
    except EvaluationFailed as error:
        run.scope.failed = True
        run.first_failure = str(error)
    defaults = RunDefaults(
        job.defaults.shell or definition.defaults.shell,
        job.defaults.working_directory or definition.defaults.working_directory,
    )
    broken = run.first_failure or await _why_not(run)
    for step in job.steps:
        if run.stopper.over is not None:
            skip_step(run, step, _why_over(run.stopper.over))
        elif broken:
            skip_step(run, step, broken)
        else:
            await run_step(run, step, defaults)
    add_report_post(run)
    first = len(job.steps) + run.has_setup_step
    for number, post in enumerate(reversed(run.posts), start=first):
        if run.stopper.over is None:
            await run_post(run, post, number)
    if run.stopper.over is Cause.LOST:
        raise Replaced
    return await _result(run)


async def _why_not(run: JobRun) -> str | None:
    """Start the containers of the job; why no step may run, if that failed."""
    if run.stopper.over is not None:
        return None
    try:
        return await prepare_containers(run, len(run.assignment.job.steps))
    except EvaluationFailed as error:
        run.scope.failed = True
        run.first_failure = str(error)
        return run.first_failure


def _why_over(cause: Cause) -> str:
    if cause is Cause.CLEANUP_TIMED_OUT:
        return "The time for steps after a cancel or time-out was over."
    return "The job was cancelled at once."


async def _result(run: JobRun) -> JobResult:
    status, reason = _status(run)
    outputs: Mapping[str, str] = {}
    url = None
    try:
        outputs = await _outputs(run)
        environment = run.assignment.job.environment
        if environment is not None and environment.url is not None:
            url = await run.scope.text(environment.url, "environment.url")
            url = run.masker.text(url, MAX_URL)
    except EvaluationFailed as error:
        if status is JobStatus.SUCCESS:
            status, reason = JobStatus.FAILURE, str(error)
    reason = None if reason is None else run.masker.text(reason, MAX_REASON)
    return JobResult(status, reason, outputs, url, tuple(run.annotations[:MAX_ANNOTATIONS]))


def _status(run: JobRun) -> tuple[JobStatus, str | None]:
    match run.stopper.cancelled:
        case Cause.JOB_TIMED_OUT:
            minutes = run.assignment.timeout_s / 60
            return JobStatus.TIMED_OUT, f"The job reached its time-out of {minutes:g} minutes."
        case None:
            if run.scope.failed:
                return JobStatus.FAILURE, run.first_failure
            return JobStatus.SUCCESS, None
        case _:
            return JobStatus.CANCELLED, "The job was cancelled."


async def _outputs(run: JobRun) -> Mapping[str, str]:
    kept: dict[str, str] = {}
    size = 0
    for name, value in run.assignment.job.outputs.items():
        text = to_text(await run.scope.value(value, f"outputs.{name}"))
        text = text.encode("utf-8", "replace").decode()
        size += len(text)
        if size > MAX_OUTPUTS:
            raise EvaluationFailed("The outputs of the job are together larger than 1 MiB.")
        if run.masker.text(text) == text:
            kept[name] = text
        else:
            # As GitHub does: a job that needs this one must not get a secret, nor a wrong value.
            message = f"The output {name!r} was left out: it may contain a secret."
            run.annotations.append(Annotation(-1, "warning", message))
    return kept
