"""Cancel an execution: a flag and an event; the machine says what each job does."""

import uuid

from app.auth.principals import Principal
from app.core.db import AsyncSession, Database
from app.engine.machine.types import CancelRequested
from app.engine.states import TERMINAL_EXECUTION
from app.executions.errors import ExecutionFinished, ExecutionNotFound
from app.executions.interpreter import apply
from app.executions.locking import lock
from app.executions.service.trail import record_execution


async def cancel_execution(
    database: Database,
    *,
    execution_id: uuid.UUID,
    by: str,
    max_worker_lost: int,
    principal: Principal | None = None,
) -> None:
    """Cancel; a second call kills at once what is still cleaning up.

    Parameters: `by` is shown as the reason; `principal` is the person who wants it, if any.
    Raises: ExecutionNotFound, ExecutionFinished, Unavailable.
    """

    async def cancel(session: AsyncSession) -> None:
        locked = await lock(session, execution_id, max_worker_lost=max_worker_lost)
        if locked is None:
            raise ExecutionNotFound
        if locked.execution.status in TERMINAL_EXECUTION:
            raise ExecutionFinished(f"it ended with {locked.execution.status}")
        await apply(session, locked, CancelRequested(by=f"cancelled by {by}"))
        await record_execution(session, principal, "execution.cancel", locked.execution)

    await database.transact(cancel)
