"""The syntax tree of an expression: immutable values, positions in the whole text."""

from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

LogicalOperator = OneOf["&&", "||"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: object
    position: int


@dataclass(frozen=True, slots=True)
class Name:
    """A context, by its name in lower case."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    """`target.name`, `target[index]`; `index` is None for the wildcard."""

    target: "Node"
    index: "Node | None"
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function call, by its name in lower case."""

    name: str
    arguments: tuple["Node", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Logical:
    """A run of `&&` or of `||`: the value is the operand that decided."""

    operator: LogicalOperator
    operands: tuple["Node", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run of comparisons of one precedence, from the left: flat, so that length is not depth."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]
    position: int


Node: TypeAlias = Literal | Name | Index | Call | Not | Logical | Comparison


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right under this one, in order of the text."""
    match node:
        case Index(target=target, index=index):
            return (target,) if index is None else (target, index)
        case Call(arguments=arguments):
            return arguments
        case Not(operand=operand):
            return (operand,)
        case Logical(operands=operands):
            return operands
        case Comparison(first=first, rest=rest):
            return (first, *(operand for _, operand in rest))
        case _:
            return ()
