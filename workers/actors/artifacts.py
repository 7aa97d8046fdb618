"""Cleans up artifacts and caches."""

from app.artifacts.service.clean_up import clean_up
from app.artifacts.store import ContentStore
from app.configuration.service import global_settings
from app.jobs.catalog import CleanUpArtifacts
from workers.actors.actor import Context


async def clean_up_artifacts(context: Context, _: CleanUpArtifacts) -> None:
    """Remove what has expired, what nobody uses and contents that nothing names."""
    chosen = await global_settings(context.database, context.settings)
    await clean_up(
        context.database,
        ContentStore(context.settings.artifacts_url),
        cache_days=chosen.cache_unused_days,
        cache_bytes=chosen.cache_project_bytes,
    )
