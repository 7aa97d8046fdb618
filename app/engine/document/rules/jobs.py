"""Jobs: static matrices and labels that mean nothing here."""

from math import prod

from app.engine.document.findings import Findings, shortened
from app.engine.document.nodes import (
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    child,
    entries,
    plain,
    scalars,
)
from app.engine.document.shapes import has_expression
from app.engine.machine.labels import required_labels
from app.engine.matrix import MAX_COMBINATIONS, InvalidMatrix, expand

_NAMED = ("include", "exclude")


def check_jobs(root: Node, findings: Findings) -> None:
    """Report matrices that are invalid whatever the run, and labels of hosted machines."""
    for key, job in entries(child(root, "jobs")):
        path = f"jobs.{key.text}"
        matrix = child(child(job, "strategy"), "matrix")
        if isinstance(matrix, MappingNode):
            _check_matrix(matrix, f"{path}.strategy.matrix", findings)
        labels = child(job, "runs-on")
        for node in scalars(child(labels, "labels") if child(labels, "labels") else labels):
            if node.text.strip() and not required_labels([node.text]):
                message = f"'{shortened(node.text)}' has no effect: every worker counts as that"
                findings.notice("no_effect", message, node, f"{path}.runs-on")


def _check_matrix(matrix: MappingNode, path: str, findings: Findings) -> None:
    if not all(_is_well_formed(key.text, value) for key, value in entries(matrix)):
        return  # the shapes of the dialect tell
    if _is_dynamic(matrix):
        _check_product(matrix, path, findings)
        return
    try:
        expand(plain(matrix))
    except InvalidMatrix as error:
        findings.error("invalid_matrix", str(error), matrix, path)


def _is_well_formed(name: str, value: Node) -> bool:
    if isinstance(value, ScalarNode):
        return has_expression(value)
    if not isinstance(value, SequenceNode):
        return False
    if name in _NAMED:
        return all(isinstance(item, MappingNode) for item in value.items)
    return bool(value.items)


def _is_dynamic(node: Node) -> bool:
    if isinstance(node, ScalarNode):
        return has_expression(node)
    children = node.items if isinstance(node, SequenceNode) else [v for _, v in entries(node)]
    return any(_is_dynamic(item) for item in children)


def _check_product(matrix: MappingNode, path: str, findings: Findings) -> None:
    """`exclude` could make a large product small, so only without it is the size certain."""
    if "exclude" in matrix.entries:
        return
    vectors = [value for key, value in entries(matrix) if key.text not in _NAMED]
    sizes = [len(vector.items) for vector in vectors if isinstance(vector, SequenceNode)]
    if prod(sizes) > MAX_COMBINATIONS:
        message = f"the matrix has at least {prod(sizes)} jobs; at most {MAX_COMBINATIONS}"
        findings.error("invalid_matrix", message, matrix, path)
