"""The pipeline file: text to a typed definition, with a place for everything that is wrong."""

from app.engine.document.actions import BUILT_IN, Action, ActionInput, resolve
from app.engine.document.loading import (
    UNAVAILABLE,
    Dialect,
    InvalidDefinition,
    Loaded,
    load,
    require,
)

__all__ = [
    "BUILT_IN",
    "UNAVAILABLE",
    "Action",
    "ActionInput",
    "Dialect",
    "InvalidDefinition",
    "Loaded",
    "load",
    "require",
    "resolve",
]
