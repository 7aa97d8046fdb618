"""Parse once, evaluate many."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.engine.expressions.compilation import Code, Functions, Scope, compiled
from app.engine.expressions.errors import ExpressionError, Fault
from app.engine.expressions.nodes import Node
from app.engine.expressions.parser import Parser
from app.engine.expressions.signatures import EVERY_FUNCTION, Arity, arities_of, arities_with
from app.engine.expressions.tokens import Lexer
from app.engine.expressions.values import Filtered

_NO_FUNCTIONS: Functions = {}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: immutable, and safe to share and to evaluate any number of times."""

    text: str
    tree: Node = field(repr=False)
    code: Code = field(repr=False, compare=False)


def parse(
    text: str,
    *,
    names: frozenset[str] | None = None,
    functions: frozenset[str] | None = None,
    offset: int = 0,
) -> Expression:
    """Read an expression (GitHub documentation "Expressions").

    Parameters:
        text: without `${{ }}`; empty is null.
        names: contexts that exist here; any other is an error. None accepts every name.
        functions: functions that exist here besides the built-in ones. None means those GitHub
            has somewhere: the status functions and `hashFiles`.
        offset: added to every position, for text that is part of a larger one.

    Raises:
        ExpressionError: of kind "lexing" or "parsing".
    """
    arities = EVERY_FUNCTION if functions is None else arities_of(functions)
    return _parsed(text, names, arities, offset)


def _parsed(
    text: str, names: frozenset[str] | None, arities: Mapping[str, Arity], offset: int
) -> Expression:
    folded = None if names is None else frozenset(map(str.lower, names))
    tokens = Lexer(text, offset).tokens()
    try:
        tree = Parser(tokens, text, offset=offset, names=folded, arities=arities).tree()
        return Expression(text, tree, compiled(tree))
    except RecursionError:
        # Fifty levels fit easily, unless the caller is itself near the interpreter's limit.
        message = "Exceeded the depth that is left to parse in"
        raise ExpressionError("parsing", offset, message) from None


def evaluate(
    expression: Expression | str,
    contexts: Mapping[str, object],
    functions: Functions | None = None,
) -> object:
    """The value of an expression.

    Parameters:
        expression: parsed, or text without `${{ }}`; then only the given contexts and functions
            exist, and any other name is a parsing error.
        contexts: plain values by name. A name that a parsed expression has and this has not is
            null. Parts of them may be returned and are never changed.
        functions: `Function`s or plain callables by name, in any case.

    Raises:
        ExpressionError: of kind "evaluation"; for text, of any kind.
    """
    given = _NO_FUNCTIONS if functions is None else functions
    if isinstance(expression, str):
        expression = _parsed(expression, frozenset(contexts), arities_with(given), 0)
    try:
        value = expression.code(Scope(contexts, given))
    except Fault as fault:
        raise fault.at(expression.tree.position) from None
    except RecursionError:
        message = "Exceeded the depth that is left to evaluate in"
        raise ExpressionError("evaluation", expression.tree.position, message) from None
    return list(value) if type(value) is Filtered else value
