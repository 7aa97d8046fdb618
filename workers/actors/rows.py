"""Cleans up rows that have ended."""

from app.administration.clean_up import clean_up as clean_up_workers
from app.administration.periodic.service import clean_up as clean_up_runs
from app.auth.service.clean_up import clean_up as clean_up_credentials
from app.core.logging import logger
from app.executions.service.clean_up import clean_up as clean_up_keys
from app.inbox.service import clean_up as clean_up_inboxes
from app.triggers.schedules.service.clean_up import clean_up as clean_up_fires
from app.triggers.service.clean_up import clean_up as clean_up_deliveries
from workers.actors.actor import Context

log = logger(__name__)


async def clean_up_rows(context: Context) -> None:
    """Remove sessions, API tokens, Idempotency-Keys, notifications and workers that have ended."""
    database = context.database
    idle_s = context.settings.security.session_idle_s
    credentials = await clean_up_credentials(database, session_idle_s=idle_s)
    keys = await clean_up_keys(database)
    workers = await clean_up_workers(database)
    await clean_up_inboxes(database)
    await clean_up_fires(database)
    await clean_up_runs(database)
    await clean_up_deliveries(database)
    if credentials or keys or workers:
        log.info("rows_cleaned_up", credentials=credentials, keys=keys, workers=workers)
