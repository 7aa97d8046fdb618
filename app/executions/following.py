"""Pipelines that wait for the end of others (`on: workflow_run`), seen from the interpreter."""

from app.core.db import AsyncSession
from app.executions.models import Execution
from app.executions.repository.chains import ChainRepository
from app.jobs.catalog import FollowRun
from app.jobs.outbox import Queued, enqueue_all


async def tell_followers(session: AsyncSession, execution: Execution) -> None:
    """Have the followers of an ended execution started. One statement where there is none."""
    if await ChainRepository(session).has_listeners(execution.project_id):
        message = FollowRun(execution_id=execution.id, attempt=execution.attempt)
        await enqueue_all(session, [Queued(message)])
