"""The nodes of a new execution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.engine.definition import Definition, Position
from app.engine.machine.fields import FieldInvalid
from app.engine.machine.nodes import Place, file_nodes
from app.engine.machine.types import Node
from app.engine.plan.called import PlanInvalid, called_files


@dataclass(frozen=True, slots=True)
class Plan:
    """What an execution starts with. `files` go into its snapshots, by call path."""

    nodes: tuple[Node, ...]
    files: Mapping[tuple[str, ...], Definition]


def plan(
    definition: Definition,
    contexts: Mapping[str, Any],
    *,
    files: Mapping[str, Definition] | None = None,
) -> Plan:
    """The nodes of a new execution, all blocked, in order of the file.

    A matrix that is known now is expanded; one that reads `needs` is a stand-in of kind `matrix`,
    a job with `uses` one of kind `call`. Values that read `needs`, or that cannot be evaluated,
    are left to the moment when the node becomes ready; a wrong one fails the node with a reason.

    Parameters:
        contexts: `github`, `inputs`, `vars` as plain values.
        files: definitions by the path that `uses` names, such as `./.github/workflows/x.yml`.

    Raises:
        PlanInvalid: a called file is missing, calls go round in a circle, or pass what is wrong.
    """
    found = called_files(definition, files or {})
    try:
        nodes = file_nodes(definition, contexts, Place())
    except FieldInvalid as error:
        raise PlanInvalid(str(error), Position(1, 1)) from error
    return Plan(nodes, found)
