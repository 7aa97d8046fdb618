"""Runs jobs."""

from app.jobs.catalog import RunJob
from workers.actors.actor import Context


async def run_job(context: Context, message: RunJob) -> None:
    """Claim the attempt and run it to its end."""
    await context.jobs.run(message)
