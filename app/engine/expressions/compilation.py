"""A tree becomes closures: what can be known before evaluating is worked out once."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, assert_never

from app.engine.expressions import access
from app.engine.expressions.errors import MAX_MEMORY, Fault
from app.engine.expressions.functions import CALLS, fill, is_boolean, segments_of
from app.engine.expressions.nodes import (
    Call,
    Comparison,
    Index,
    Literal,
    Logical,
    Name,
    Node,
    Not,
)
from app.engine.expressions.signatures import Function
from app.engine.expressions.values import Filtered, equals, greater, is_truthy

Functions: TypeAlias = Mapping[str, Function | Callable[..., object]]
Code: TypeAlias = Callable[["Scope"], object]

#: What an item of an array counts for, as in GitHub's memory counter.
_ITEM_SIZE = 8


class Scope:
    """What one evaluation sees, and how much it may still produce."""

    __slots__ = ("contexts", "functions", "left")

    def __init__(self, contexts: Mapping[str, object], functions: Functions) -> None:
        self.contexts = contexts
        self.functions = functions
        self.left = MAX_MEMORY

    def charge(self, size: int) -> None:
        """Account for what is about to be produced.

        Raises:
            ExpressionError: it is more than an evaluation may produce.
        """
        self.left -= size
        if self.left < 0:
            raise Fault(f"Exceeded max memory of {MAX_MEMORY} characters")


def compiled(node: Node) -> Code:
    """The closure that evaluates the node."""
    match node:
        case Literal():
            return _literal(node)
        case Name():
            return _name(node)
        case Index():
            return _index(node)
        case Call():
            return _call(node)
        case Not():
            return _not(node)
        case Logical():
            return _logical(node)
        case Comparison():
            return _comparison(node)
        case _:
            assert_never(node)


def _literal(node: Literal) -> Code:
    value = node.value
    return lambda scope: value


def _name(node: Name) -> Code:
    name = node.name

    def run(scope: Scope) -> object:
        value = scope.contexts.get(name, access.MISSING)
        return _find(scope.contexts, name) if value is access.MISSING else value

    return run


def _find(contexts: Mapping[str, object], name: str) -> object:
    return next((value for key, value in contexts.items() if key.lower() == name), None)


def _index(node: Index) -> Code:
    target = compiled(node.target)
    if node.index is None:
        return _wildcard(target)
    if isinstance(node.index, Literal) and isinstance(node.index.value, str):
        return _property(target, node.index.value)
    index = compiled(node.index)

    def run(scope: Scope) -> object:
        key = index(scope)
        return _charged(scope, access.item(target(scope), key))

    return run


def _wildcard(target: Code) -> Code:
    return lambda scope: _charged(scope, access.every(target(scope)))


def _property(target: Code, name: str) -> Code:
    missing = access.MISSING

    def run(scope: Scope) -> object:
        value = target(scope)
        if type(value) is dict:
            found = value.get(name, missing)
            if found is not missing:
                return found
        return _charged(scope, access.item(value, name))

    return run


def _charged(scope: Scope, value: object) -> object:
    if type(value) is Filtered:
        scope.charge(_ITEM_SIZE * len(value))
    return value


def _not(node: Not) -> Code:
    operand = compiled(node.operand)
    return lambda scope: not is_truthy(operand(scope))


def _logical(node: Logical) -> Code:
    first, *rest = [compiled(operand) for operand in node.operands]
    stops_on = node.operator == "||"

    def run(scope: Scope) -> object:
        value = first(scope)
        for operand in rest:
            if is_truthy(value) is stops_on:
                break
            value = operand(scope)
        return value

    return run


_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "==": equals,
    "!=": lambda left, right: not equals(left, right),
    ">": greater,
    "<": lambda left, right: greater(right, left),
    ">=": lambda left, right: greater(left, right) or equals(left, right),
    "<=": lambda left, right: greater(right, left) or equals(left, right),
}


def _comparison(node: Comparison) -> Code:
    first = compiled(node.first)
    rest = [(_COMPARISONS[operator], compiled(operand)) for operator, operand in node.rest]

    def run(scope: Scope) -> object:
        value = first(scope)
        for compare, operand in rest:
            value = compare(value, operand(scope))
        return value

    return run


def _call(node: Call) -> Code:
    run = _unplaced(node, [compiled(argument) for argument in node.arguments])
    position = node.position

    def placed(scope: Scope) -> object:
        try:
            return run(scope)
        except Fault as fault:
            raise fault.at(position) from None

    return placed


def _unplaced(node: Call, arguments: list[Code]) -> Code:
    if node.name == "case":
        return _case(arguments)
    if node.name == "format" and isinstance(node.arguments[0], Literal):
        return _format(node.arguments[0].value, arguments)
    if node.name in CALLS:
        return _built_in(node.name, arguments)
    return _given(node.name, arguments)


def _built_in(name: str, arguments: list[Code]) -> Code:
    call = CALLS[name]
    return lambda scope: call(scope.charge, *[argument(scope) for argument in arguments])


def _format(template: object, arguments: list[Code]) -> Code:
    """`format` with a constant first argument, read once; an invalid one shows when it runs."""
    if not isinstance(template, str):
        return _built_in("format", arguments)
    try:
        segments = segments_of(template)
    except Fault:
        return _built_in("format", arguments)
    values = arguments[1:]
    return lambda scope: fill(
        scope.charge, template, segments, tuple([value(scope) for value in values])
    )


def _case(arguments: list[Code]) -> Code:
    """Only the predicates up to the first true one, and its value, are evaluated."""
    *pairs, default = arguments
    branches = list(zip(pairs[::2], pairs[1::2], strict=True))

    def run(scope: Scope) -> object:
        for predicate, value in branches:
            decision = predicate(scope)
            if not is_boolean(decision):
                raise Fault("case predicate must evaluate to a boolean value")
            if decision:
                return value(scope)
        return default(scope)

    return run


def _given(name: str, arguments: list[Code]) -> Code:
    def run(scope: Scope) -> object:
        call = _function(scope.functions, name)
        value = call(*[argument(scope) for argument in arguments])
        if type(value) is str:
            scope.charge(len(value))
        return value

    return run


def _function(functions: Functions, name: str) -> Callable[..., object]:
    function = functions.get(name)
    if function is None:
        function = next((given for key, given in functions.items() if key.lower() == name), None)
    if function is None:
        raise Fault(f"The function '{name}' is not available here")
    return function.call if isinstance(function, Function) else function
