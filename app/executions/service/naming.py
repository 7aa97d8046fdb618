"""What the file of an execution says about it as a whole: title, priority, concurrency group."""

from typing import Any

from app.engine.definition import Definition
from app.engine.plan import Plan
from app.executions.service.entering import WAITS_FOR_GROUP


def named(definition: Definition, planned: Plan, *, pipeline_name: str) -> dict[str, Any]:
    """The columns of an execution that its plan decides."""
    title = planned.run_name or definition.name or pipeline_name
    group = planned.concurrency_group
    return {
        "title": title[:500],
        "priority": definition.priority,
        "concurrency_group": group[:255] if group else None,
        "cancel_in_progress": planned.cancel_in_progress,
    }


def waits_for_group(definition: Definition, group: str | None) -> str | None:
    """Why an execution waits that has not got its group."""
    if group is None or definition.concurrency is None:
        return None
    return f"{WAITS_FOR_GROUP} `{group}` (line {definition.concurrency.position.line})"
