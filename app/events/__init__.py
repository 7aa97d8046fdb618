"""Events: what changed, published after the commit to everybody who watches.

The database is the truth; an event is a hint that may be lost. Whoever needs every event reads
`execution_events` or the log chunks by number.
"""

from app.events.bus import EventBus, Message, bind, publish_after_commit
from app.events.local import LocalBus
from app.events.log_lines import log_written
from app.events.models import (
    CancelWanted,
    Event,
    ExecutionChanged,
    JobChanged,
    LogWritten,
    RightsChanged,
    StepChanged,
    SystemSampled,
    TagsBumped,
    UserNotified,
)
from app.events.redis_bus import RedisBus

__all__ = [
    "CancelWanted",
    "Event",
    "EventBus",
    "ExecutionChanged",
    "JobChanged",
    "LocalBus",
    "LogWritten",
    "Message",
    "RedisBus",
    "RightsChanged",
    "StepChanged",
    "SystemSampled",
    "TagsBumped",
    "UserNotified",
    "bind",
    "log_written",
    "publish_after_commit",
]
