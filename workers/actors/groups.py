"""Moves what waits for its environment or for a concurrency group."""

from app.approvals.service import gate
from app.executions.service import gates
from app.jobs.catalog import CancelExecution, PassGate, ReleaseGroups
from workers.actors.actor import Context


async def pass_gate(context: Context, message: PassGate) -> None:
    """Open the gate of a waiting attempt, if its environment allows that and its group is free."""
    await gate.pass_gate(context.database, message, max_worker_lost=context.max_worker_lost)


async def release_groups(context: Context, message: ReleaseGroups) -> None:
    """Admit the next of each group of an ended execution or job."""
    await gates.release(context.database, message, max_worker_lost=context.max_worker_lost)


async def cancel_execution(context: Context, message: CancelExecution) -> None:
    """Cancel the run that a newcomer of its group replaces."""
    await gates.cancel_for_newcomer(
        context.database, message, max_worker_lost=context.max_worker_lost
    )
