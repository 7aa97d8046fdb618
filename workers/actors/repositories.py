"""What comes of webhooks, and what forges are told."""

from app.credentials.keys import keys_of
from app.jobs.catalog import InstallHook, RemoveHook, ReportStatus, SyncPipelines
from app.settings import Settings
from app.triggers.service import hooks, statuses, syncing
from app.triggers.service.syncing import Surroundings
from workers.actors.actor import Context


async def sync_pipelines(context: Context, message: SyncPipelines) -> None:
    """Read the pipeline files of a push and start what it matches."""
    keys, around = keys_of(context.settings), _around(context.settings)
    await syncing.sync(context.database, keys, message, around=around)


async def install_hook(context: Context, message: InstallHook) -> None:
    """Make the webhook of a repository at its forge."""
    keys, around = keys_of(context.settings), _around(context.settings)
    await hooks.install(context.database, keys, message, around=around)


async def remove_hook(context: Context, message: RemoveHook) -> None:
    """Remove a webhook from a forge."""
    keys, around = keys_of(context.settings), _around(context.settings)
    await hooks.remove(context.database, keys, message, around=around)


async def report_status(context: Context, message: ReportStatus) -> None:
    """Tell the forge how an execution stands."""
    keys, around = keys_of(context.settings), _around(context.settings)
    await statuses.report(context.database, keys, message, around=around)


def _around(settings: Settings) -> Surroundings:
    return Surroundings(settings.server.public_url, settings.security.allow_private_addresses)
