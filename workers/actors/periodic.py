"""Does periodic work: one function for each name of the catalogue."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from app.administration.backups.folder import keep_backup
from app.administration.oversight.service import check_tools, tell_long_running
from app.administration.periodic import service
from app.administration.retention.service import delete_old_executions
from app.artifacts.service.clean_up import clean_up as clean_up_artifacts
from app.artifacts.store import ContentStore
from app.configuration.service import global_settings
from app.executions.service.reports import compute_reports
from app.jobs.catalog import RunPeriodic
from app.logs.archive import LogStore
from app.logs.service.archive import archive_old
from app.notifications.service.planning import plan_long_running
from workers.actors.actor import Context
from workers.actors.rows import clean_up_rows


async def run_periodic(context: Context, message: RunPeriodic) -> None:
    """Do an ordered run of some periodic work."""

    async def perform(name: str) -> Mapping[str, Any]:
        return await WORK[name](context)

    await service.run(context.database, message.run_id, perform)


async def _tools(context: Context) -> Mapping[str, Any]:
    return await check_tools(context.database)


async def _long_running(context: Context) -> Mapping[str, Any]:
    chosen = await global_settings(context.database, context.settings)
    wanted = await plan_long_running(context.database)
    told = await tell_long_running(context.database, limit_s=chosen.long_running_minutes * 60.0)
    return {**told, "notifications": wanted}


async def _reports(context: Context) -> Mapping[str, Any]:
    return await compute_reports(context.database)


async def _backup(context: Context) -> Mapping[str, Any]:
    return {"name": await keep_backup(context.database, context.settings.backups_url)}


async def _retention(context: Context) -> Mapping[str, Any]:
    return await delete_old_executions(context.database)


async def _logs(context: Context) -> Mapping[str, Any]:
    chosen = await global_settings(context.database, context.settings)
    store = LogStore(context.settings.log_archive_url)
    return asdict(await archive_old(context.database, store, days=chosen.log_archive_days))


async def _artifacts(context: Context) -> Mapping[str, Any]:
    chosen = await global_settings(context.database, context.settings)
    removed = await clean_up_artifacts(
        context.database,
        ContentStore(context.settings.artifacts_url),
        cache_days=chosen.cache_unused_days,
        cache_bytes=chosen.cache_project_bytes,
    )
    return asdict(removed)


async def _rows(context: Context) -> Mapping[str, Any]:
    await clean_up_rows(context)
    return {}


WORK: Mapping[str, Callable[[Context], Awaitable[Mapping[str, Any]]]] = {
    "tools.check": _tools,
    "executions.long_running": _long_running,
    "reports": _reports,
    "backup": _backup,
    "retention": _retention,
    "logs.archive": _logs,
    "artifacts.clean": _artifacts,
    "rows.clean": _rows,
}
