"""Whether an event starts a pipeline: the filters of `on:`, as a pure function."""

from app.engine.filters.globs import InvalidPattern, included
from app.engine.filters.matching import Decision, EventInfo, matches

__all__ = ["Decision", "EventInfo", "InvalidPattern", "included", "matches"]
