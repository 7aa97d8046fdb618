"""What an expression reads and calls, known without evaluating it."""

from collections.abc import Iterator
from typing import TypeAlias

from app.engine.expressions.expression import Expression
from app.engine.expressions.nodes import Call, Index, Literal, Name, Node, children
from app.engine.expressions.values import to_text

#: A context in lower case, then property names as written; None is any (`.*`, a computed index).
Path: TypeAlias = tuple[str | None, ...]


def references(expression: Expression) -> frozenset[Path]:
    """The paths that an expression reads: `("needs", "build", "outputs", "x")`.

    A wildcard or an index that is not a constant is None in the path: `needs.*.result` is
    `("needs", None, "result")`. What stands inside an index is found too.
    """
    return frozenset(_paths(expression.tree))


def _paths(tree: Node) -> Iterator[Path]:
    pending = [tree]
    while pending:
        node = pending.pop()
        path = _path(node)
        if path is None:
            pending.extend(children(node))
            continue
        yield path
        pending.extend(_computed(node))


def _path(node: Node) -> Path | None:
    """The path of a chain of indexes that begins with a context; None for anything else."""
    names: list[str | None] = []
    while isinstance(node, Index):
        names.append(to_text(node.index.value) if isinstance(node.index, Literal) else None)
        node = node.target
    return (node.name, *reversed(names)) if isinstance(node, Name) else None


def _computed(node: Node) -> Iterator[Node]:
    while isinstance(node, Index):
        if node.index is not None and not isinstance(node.index, Literal):
            yield node.index
        node = node.target


def calls(expression: Expression) -> frozenset[str]:
    """The functions that an expression calls, in lower case."""
    return called(expression.tree)


def called(tree: Node) -> frozenset[str]:
    """The functions that a tree calls, in lower case."""
    names: set[str] = set()
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Call):
            names.add(node.name)
        pending.extend(children(node))
    return frozenset(names)
