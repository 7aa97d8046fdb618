"""An execution of a file that cannot run: it has failed before it began, where people look."""

from app.core.db import AsyncSession
from app.engine.states import ExecutionStatus
from app.events import ExecutionChanged
from app.executions.errors import PipelineNotFound
from app.executions.following import tell_followers
from app.executions.history import record
from app.executions.repository.starting import StartRepository
from app.executions.service.drafts import COLUMNS
from app.executions.service.triggers import Started, Trigger, new_execution

INVALID_DEFINITION = "invalid_definition"


async def start_invalid(
    session: AsyncSession, trigger: Trigger, *, problem: str, server_url: str
) -> Started:
    """Record a failure whose reason is `invalid_definition: …`, in the caller's transaction.

    Parameters: `problem` says what is wrong in which line and column.
    Raises: PipelineNotFound.
    """
    repository = StartRepository(session)
    counted = await repository.count(trigger.pipeline_id, version=trigger.version)
    if counted is None:
        raise PipelineNotFound("the pipeline was deleted")
    execution = new_execution(trigger, counted, server_url=server_url)
    execution.title, execution.priority = counted.pipeline_name[:500], "medium"
    execution.inputs = {}
    reason = f"{INVALID_DEFINITION}: {problem}"[:2000]
    values = {name: getattr(execution, name) for name in COLUMNS}
    values |= {
        "status": ExecutionStatus.FAILURE,
        "reason": reason,
        "seq": 1,
        "finished_at": counted.now,
    }
    await repository.insert(values, [])
    changed = ExecutionChanged(
        seq=1,
        execution_id=execution.id,
        pipeline_id=execution.pipeline_id,
        project_id=execution.project_id,
        number=execution.number,
        status=ExecutionStatus.FAILURE,
        reason=reason,
    )
    await record(session, execution, [changed], causes=["InvalidDefinition"])
    await tell_followers(session, execution)
    return Started(execution.id, execution.number, is_new=True)
