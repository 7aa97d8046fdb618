"""What people do with executions, in the audit trail of their project."""

from collections.abc import Mapping
from typing import Any

from app.audit.recording import record_change
from app.auth.principals import Principal
from app.core.db import AsyncSession
from app.executions.models import Execution


async def record_execution(
    session: AsyncSession,
    by: Principal | None,
    action: str,
    execution: Execution,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Leave an entry; nothing to do when no person did it."""
    if by is None:
        return
    await record_change(
        session,
        by,
        action,
        kind="execution",
        target_id=execution.id,
        name=f"#{execution.number} {execution.title}",
        project_id=execution.project_id,
        after=after,
    )
