"""The state machine of an execution: `advance(snapshot, event, now) -> Decision`."""

from app.engine.machine.advance import advance
from app.engine.machine.contexts import job_contexts, needs_context
from app.engine.machine.graph import scope_of
from app.engine.machine.labels import required_labels
from app.engine.machine.rerun import failed_keys

__all__ = [
    "advance",
    "failed_keys",
    "job_contexts",
    "needs_context",
    "required_labels",
    "scope_of",
]
