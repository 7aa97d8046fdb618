"""Who waits for the end of executions, seen from the interpreter: other pipelines
(`on: workflow_run`), and people with notification rules."""

from app.core.db import AsyncSession
from app.executions.models import Execution
from app.executions.repository.chains import ChainRepository
from app.jobs.catalog import FollowRun, NotifyEnded
from app.jobs.outbox import Queued, enqueue_all


async def tell_followers(session: AsyncSession, execution: Execution) -> None:
    """Have the followers of an ended execution started, and people told of it.

    One statement where there is neither.
    """
    ears = await ChainRepository(session).ears(execution.project_id)
    messages: list[Queued] = []
    if ears.pipelines:
        messages.append(Queued(FollowRun(execution_id=execution.id, attempt=execution.attempt)))
    if ears.people:
        messages.append(Queued(NotifyEnded(execution_id=execution.id, attempt=execution.attempt)))
    await enqueue_all(session, messages)
