"""Cleans up artifacts and caches."""

from app.artifacts.service.clean_up import clean_up
from app.artifacts.store import ContentStore
from app.jobs.catalog import CleanUpArtifacts
from workers.actors.actor import Context


async def clean_up_artifacts(context: Context, _: CleanUpArtifacts) -> None:
    """Remove what has expired, what nobody uses and contents that nothing names."""
    rules = context.settings.artifacts
    await clean_up(
        context.database,
        ContentStore(context.settings.artifacts_url),
        cache_days=rules.cache_days,
        cache_bytes=rules.cache_bytes,
    )
