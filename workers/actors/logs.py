"""Looks after stored logs."""

from app.jobs.catalog import MergeLogs
from app.logs.service.merge import merge_job
from workers.actors.actor import Context


async def merge_logs(context: Context, message: MergeLogs) -> None:
    """Merge the small chunks of an attempt that has ended."""
    await merge_job(context.database, job_id=message.job_id, attempt=message.attempt)
