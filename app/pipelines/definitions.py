"""The parsed form of a version: kept in memory by its id, since a version never changes."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.definition import Definition
from app.engine.document import require
from app.engine.plan import called_files

Files = Mapping[tuple[str, ...], Definition]
"""Definitions by call path: `()` is the pipeline's own file, `("a", "b")` the file that job `b`
of the file called by job `a` uses."""

_KEPT = 512


@dataclass(frozen=True, slots=True)
class Parsed:
    """A version: its own definition, the called ones by the path that `uses` names, and all of
    them by call path."""

    definition: Definition
    called: Mapping[str, Definition]
    files: Files


_remembered: dict[uuid.UUID, Parsed] = {}


def remembered(version_id: uuid.UUID) -> Parsed | None:
    """The version when this process has parsed it already."""
    return _remembered.get(version_id)


def parse_version(version_id: uuid.UUID, source: str, called: Mapping[str, str]) -> Parsed:
    """Parse a version and remember it.

    Parameters: `source` is its own file, `called` the texts of the local workflows that it uses,
    by path as written in `uses`.
    Raises: InvalidDefinition, InvalidPlan when a text is not valid (it was when it was saved).
    """
    definition = require(source)
    others = {path: require(text) for path, text in called.items()}
    parsed = Parsed(definition, others, called_files(definition, others))
    while len(_remembered) >= _KEPT:
        _remembered.pop(next(iter(_remembered)))
    _remembered[version_id] = parsed
    return parsed
