"""Keeps backups of all definitions."""

from app.administration.backups.folder import keep_backup
from app.jobs.catalog import BackUpDefinitions
from workers.actors.actor import Context


async def back_up_definitions(context: Context, _: BackUpDefinitions) -> None:
    """Write one more backup and remove the oldest."""
    await keep_backup(context.database, context.settings.backups_url)
