"""Starts what schedules fired, and keeps schedules as pipeline files say."""

from app.jobs.catalog import CancelOverlapped, StartFires, SyncSchedules
from app.triggers.schedules.service import definition, starting
from workers.actors.actor import Context


async def start_fires(context: Context, message: StartFires) -> None:
    """Start the executions of a batch of fires."""
    url = context.settings.server.public_url
    await starting.start_fires(context.database, message, server_url=url)


async def cancel_overlapped(context: Context, message: CancelOverlapped) -> None:
    """Cancel the execution that a newer one of its schedule replaces."""
    await starting.cancel_overlapped(
        context.database, message, max_worker_lost=context.max_worker_lost
    )


async def sync_schedules(context: Context, message: SyncSchedules) -> None:
    """Take the schedules of a pipeline from its current version."""
    await definition.sync_schedules(context.database, message)
