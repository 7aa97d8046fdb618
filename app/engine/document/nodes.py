"""The nodes of a YAML document, which know where they stand in the file."""

from dataclasses import dataclass

from app.engine.definition import Position, Scalar, Value


@dataclass(slots=True)
class ScalarNode:
    """A scalar: `value` as YAML 1.2 reads it, `text` as written without quotes.

    `start` and `end` are offsets of its source in the file, in characters.
    """

    value: Scalar
    text: str
    line: int
    column: int
    start: int
    end: int
    height: int = 1
    size: int = 1


@dataclass(slots=True)
class SequenceNode:
    """A list of nodes. `size` counts its nodes with aliases expanded, `height` its levels."""

    items: list["Node"]
    line: int
    column: int
    height: int = 1
    size: int = 1


@dataclass(slots=True)
class MappingNode:
    """A map with string keys; `entries` keeps each key's own node for its position."""

    entries: dict[str, tuple[ScalarNode, "Node"]]
    line: int
    column: int
    height: int = 1
    size: int = 1


Node = ScalarNode | SequenceNode | MappingNode


def position(node: Node) -> Position:
    """Where the node begins."""
    return Position(node.line, node.column)


def plain(node: Node) -> Value:
    """The node as plain Python values."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, (_, value) in node.entries.items()}


def child(node: Node | None, key: str) -> Node | None:
    """The value under `key`; None when there is none or `node` is not a map."""
    if isinstance(node, MappingNode):
        entry = node.entries.get(key)
        return entry[1] if entry else None
    return None


def entries(node: Node | None) -> list[tuple[ScalarNode, Node]]:
    """The keys and values of a map; nothing for any other node."""
    return list(node.entries.values()) if isinstance(node, MappingNode) else []


def items(node: Node | None) -> list[Node]:
    """The items of a list; a node that is not a list counts as a list of itself."""
    if node is None:
        return []
    return node.items if isinstance(node, SequenceNode) else [node]


def scalars(node: Node | None) -> list[ScalarNode]:
    """The scalars of a string-or-list value, without anything nested."""
    return [item for item in items(node) if isinstance(item, ScalarNode)]
