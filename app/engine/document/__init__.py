"""The pipeline file: text to a typed definition, with a place for everything that is wrong."""

from app.engine.document.actions import BUILT_IN, Action, ActionInput, resolve
from app.engine.document.findings import UNAVAILABLE
from app.engine.document.inputs import InvalidInputs, coerce_inputs
from app.engine.document.loading import (
    Dialect,
    InvalidDefinition,
    Loaded,
    load,
    require,
)
from app.engine.document.schema import json_schema

__all__ = [
    "BUILT_IN",
    "UNAVAILABLE",
    "Action",
    "ActionInput",
    "Dialect",
    "InvalidDefinition",
    "InvalidInputs",
    "Loaded",
    "coerce_inputs",
    "json_schema",
    "load",
    "require",
    "resolve",
]
