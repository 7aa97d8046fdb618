"""Moves what waits for approval, for its environment or for a concurrency group."""

from app.approvals.service import forks, gate
from app.configuration.service import global_settings
from app.executions.service import gates
from app.jobs.catalog import CancelExecution, PassExecution, PassGate, ReleaseGroups
from workers.actors.actor import Context


async def pass_gate(context: Context, message: PassGate) -> None:
    """Open the gate of a waiting attempt, if its environment allows that and its group is free."""
    chosen = await global_settings(context.database, context.settings)
    await gate.pass_gate(
        context.database,
        message,
        max_worker_lost=context.max_worker_lost,
        expires_after=chosen.approval_expiry,
    )


async def pass_execution(context: Context, message: PassExecution) -> None:
    """Start an execution that waits for approval, if it has it, or ask for it."""
    chosen = await global_settings(context.database, context.settings)
    await forks.pass_execution(
        context.database,
        message,
        max_worker_lost=context.max_worker_lost,
        expires_after=chosen.approval_expiry,
    )


async def release_groups(context: Context, message: ReleaseGroups) -> None:
    """Admit the next of each group of an ended execution or job."""
    await gates.release(context.database, message, max_worker_lost=context.max_worker_lost)


async def cancel_execution(context: Context, message: CancelExecution) -> None:
    """Cancel the run that a newcomer of its group replaces."""
    await gates.cancel_for_newcomer(
        context.database, message, max_worker_lost=context.max_worker_lost
    )
