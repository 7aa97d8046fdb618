"""What actions left to be done at the end of the job, reported as steps after the last one."""

import asyncio
from dataclasses import replace

from app.core.clock import utcnow
from app.engine.states import StepStatus
from workers.runner.defects import end_log
from workers.runner.ports import MAX_NAME, MAX_REASON, StepUpdate
from workers.runner.run import Ended, JobRun, Post
from workers.runner.scope import EvaluationFailed
from workers.runner.steps import new_attempt
from workers.runner.stopping import Cause


async def run_post(run: JobRun, post: Post, index: int) -> None:
    """Run one, unless its condition is false."""
    update = StepUpdate(
        index,
        run.assignment.first_step_attempt,
        run.masker.text(post.name, MAX_NAME),
        StepStatus.RUNNING,
    )
    attempt = new_attempt(run, index, update.attempt)
    attempt.survives_cancel = lambda: run.scope.would_hold(post.condition, {})
    try:
        if not await run.scope.holds(post.condition, {}):
            return
        update = replace(update, started_at=utcnow())
        run.delivery.update(update)
        await asyncio.to_thread(run.sandbox.take_over)
        ended = await post.body(attempt)
    except EvaluationFailed as error:
        ended = Ended(StepStatus.FAILURE, None, str(error))
    except Exception as error:
        if run.stopper.over is not Cause.LOST:
            await end_log(attempt.log, error)
        raise
    if run.stopper.over is Cause.LOST:
        attempt.log.abandon()
        return
    kept = await attempt.log.close()
    run.annotations += attempt.commands.annotations
    if ended.outcome is StepStatus.FAILURE:
        run.scope.failed = True
        run.first_failure = run.first_failure or f"Step {update.name!r}: {ended.reason}"
    run.delivery.update(
        replace(
            update,
            status=ended.status,
            outcome=ended.outcome,
            conclusion=ended.outcome,
            finished_at=utcnow(),
            exit_code=ended.exit_code,
            reason=None if ended.reason is None else run.masker.text(ended.reason, MAX_REASON),
            lines=kept.lines,
            bytes=kept.bytes,
            sha256=kept.sha256,
            complete=True,
        )
    )
