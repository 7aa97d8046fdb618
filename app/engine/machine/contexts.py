"""The contexts that expressions of a node read."""

from typing import Any

from app.engine.machine.graph import Graph, scope_of
from app.engine.machine.nodes import Place, variant_contexts
from app.engine.machine.results import job_values
from app.engine.machine.types import Node, Snapshot


def base_contexts(graph: Graph, scope: str | None) -> dict[str, Any]:
    """`github`, `vars` and `inputs`; inside a call `inputs` are what its caller passed."""
    contexts = graph.before.contexts
    inputs = contexts.get("inputs", {}) if scope is None else graph.nodes[scope].inputs
    return {
        "github": contexts.get("github", {}),
        "vars": contexts.get("vars", {}),
        "inputs": inputs,
    }


def needs_of(graph: Graph, node: Node) -> dict[str, Any]:
    """The context `needs`: result and outputs of what the node needs directly."""
    return job_values(graph, scope_of(node), node.needs)


def before_matrix(graph: Graph, node: Node) -> dict[str, Any]:
    """What `if` and `strategy` may read: `github`, `vars`, `inputs`, `needs`."""
    return {**base_contexts(graph, scope_of(node)), "needs": needs_of(graph, node)}


def inside_job(graph: Graph, node: Node) -> dict[str, Any]:
    """What the other keys of a job may read: also `matrix` and `strategy`."""
    return {**before_matrix(graph, node), **variant_contexts(node)}


def place_of(graph: Graph, node: Node) -> Place:
    """Where the variants of a stand-in go: under it, but named like their neighbours."""
    scope = scope_of(node)
    if scope is None:
        return Place(parent=node.key, path=node.path)
    call = graph.nodes[scope]
    return Place(node.key, node.path, f"{call.key}/", f"{call.name} / ")


def title_of(graph: Graph, node: Node) -> str:
    """What begins the names of the nodes around this one."""
    scope = scope_of(node)
    return "" if scope is None else f"{graph.nodes[scope].name} / "


def needs_context(snapshot: Snapshot, node: Node) -> dict[str, Any]:
    """`needs` of a node: by job id, `result` and `outputs` of what it needs directly."""
    return needs_of(Graph(snapshot), node)


def job_contexts(snapshot: Snapshot, node: Node) -> dict[str, Any]:
    """What a worker gets for an attempt: github, needs, matrix, strategy, inputs, vars.

    A snapshot of a part is enough: the node, the nodes of what it needs (the same scope, see
    `scope_of`) and, inside a call, the node of that call, because it holds the inputs.
    """
    return inside_job(Graph(snapshot), node)
