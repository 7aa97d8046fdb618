"""The storage of each job that this process runs."""

from collections.abc import Awaitable, Callable

from app.artifacts.service.upload import Owner
from app.artifacts.store import ContentStore
from app.configuration.service import global_settings
from app.core.db import Database
from app.executions.service.claim import Claimed
from app.settings import Settings
from workers.runner.storage import JobStorage, StorageRules


def open_storages(
    settings: Settings, database: Database
) -> Callable[[Claimed], Awaitable[JobStorage]]:
    """What gives a claimed job its storage.

    Raises: StoreFailed when the configured store cannot be used.
    """
    store = ContentStore(settings.artifacts_url)

    async def storage_of(claimed: Claimed) -> JobStorage:
        owner = Owner(
            project_id=claimed.project_id,
            pipeline_id=claimed.pipeline_id,
            execution_id=claimed.execution_id,
            job_id=claimed.job_id,
            attempt=claimed.attempt,
            token=claimed.token,
        )
        chosen = await global_settings(database, settings)
        rules = StorageRules(
            retention_days=chosen.artifact_retention_days,
            execution_bytes=chosen.artifact_execution_bytes,
            cache_bytes=chosen.cache_project_bytes,
        )
        return JobStorage(database, store, owner, rules)

    return storage_of
