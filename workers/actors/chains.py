"""Starts what waits for the end of an execution."""

from app.executions.service import chains
from app.jobs.catalog import FollowRun
from workers.actors.actor import Context


async def follow_run(context: Context, message: FollowRun) -> None:
    """Start the pipelines that wait for the end of this attempt."""
    await chains.follow(context.database, message)
