"""Tokens to a tree.

Precedence is GitHub's: `( )`, index, `!`, relational, equality, `&&`, `||`. A level of nesting
costs three Python calls, however many operators it has, so that 50 levels never overflow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.engine.expressions.errors import MAX_DEPTH, ExpressionError
from app.engine.expressions.nodes import (
    Call,
    Comparison,
    Index,
    Literal,
    Logical,
    LogicalOperator,
    Name,
    Node,
    Not,
)
from app.engine.expressions.signatures import Arity
from app.engine.expressions.tokens import Token, TokenKind, located

_RELATIONAL = frozenset({"<", "<=", ">", ">="})
_EQUALITY = frozenset({"==", "!="})
_BINARY = _RELATIONAL | _EQUALITY | {"&&", "||"}


@dataclass(slots=True)
class _Run:
    """One expression without parentheses around it: operands and the operators between them."""

    operands: list[Node] = field(default_factory=list)
    operators: list[Token] = field(default_factory=list)


class Parser:
    """Builds the tree of one expression.

    Parameters:
        tokens: what the lexer read, ending in an END.
        text: the expression, for messages.
        offset: where the expression begins in the text that positions refer to.
        names: contexts that exist here, in lower case; None accepts any name.
        arities: functions that exist here, by name in lower case.
    """

    def __init__(
        self,
        tokens: list[Token],
        text: str,
        *,
        offset: int,
        names: frozenset[str] | None,
        arities: Mapping[str, Arity],
    ) -> None:
        self._tokens = tokens
        self._text = text
        self._offset = offset
        self._names = names
        self._arities = arities
        self._at = 0
        self._depth = 0

    def tree(self) -> Node:
        """The whole expression; an empty one is null.

        Raises:
            ExpressionError: kind "parsing".
        """
        if self._is_at_end():
            return Literal(None, self._offset)
        node = self._expression()
        if not self._is_at_end():
            raise self._unexpected()
        return node

    # --- tokens

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _is_at_end(self) -> bool:
        return self._here.kind is TokenKind.END

    def _skip(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _accept(self, text: str) -> bool:
        """Step over a mark or operator; a quoted text never equals one, it has its quotes."""
        if self._tokens[self._at].text != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._unexpected()

    # --- errors

    def _unexpected(self) -> ExpressionError:
        if self._is_at_end():
            return self._error("Unexpected end of expression", self._tokens[self._at - 1])
        return self._error("Unexpected symbol", self._here)

    def _error(self, what: str, token: Token) -> ExpressionError:
        message = located(f"{what}: '{token.shown}'", token.position - self._offset, self._text)
        return ExpressionError("parsing", token.position, message)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"Exceeded max expression depth {MAX_DEPTH}", self._here)

    # --- grammar

    def _expression(self) -> Node:
        depth = self._depth
        self._deeper()
        run = _Run()
        nested: set[str] = set()
        while True:
            run.operands.append(self._operand())
            if self._here.kind is not TokenKind.OPERATOR or self._here.text not in _BINARY:
                break
            operator = self._skip()
            run.operators.append(operator)
            self._count(operator.text, nested)
        self._depth = depth
        return _joined(run)

    def _count(self, operator: str, nested: set[str]) -> None:
        """A run of `&&` or of `||` is one level deeper, a run of `&&` only up to the next `||`."""
        if operator == "||" and "&&" in nested:
            nested.discard("&&")
            self._depth -= 1
        if operator in ("&&", "||") and operator not in nested:
            nested.add(operator)
            self._deeper()

    def _operand(self) -> Node:
        depth = self._depth
        bangs: list[int] = []
        while self._here.text == "!":
            bangs.append(self._skip().position)
            self._deeper()
        indexable = self._here.kind is TokenKind.NAME or self._here.text == "("
        node = self._indexed() if indexable else self._literal()
        self._depth = depth
        for position in reversed(bangs):
            node = Not(node, position)
        return node

    def _literal(self) -> Node:
        if self._here.kind is not TokenKind.LITERAL:
            raise self._unexpected()
        token = self._skip()
        return Literal(token.value, token.position)

    def _indexed(self) -> Node:
        depth = self._depth
        token = self._skip()
        node = self._group() if token.text == "(" else self._named(token)
        while True:
            position = self._here.position
            if self._accept("["):
                index = None if self._accept("*") else self._expression()
                self._expect("]")
            elif self._accept("."):
                index = self._property()
            else:
                break
            self._deeper()
            node = Index(node, index, position)
        self._depth = depth
        return node

    def _group(self) -> Node:
        node = self._expression()
        self._expect(")")
        return node

    def _property(self) -> Node | None:
        if self._accept("*"):
            return None
        if self._here.kind is not TokenKind.NAME:
            raise self._unexpected()
        token = self._skip()
        return Literal(token.text, token.position)

    def _named(self, token: Token) -> Node:
        name = token.text.lower()
        if self._accept("("):
            return self._call(token, name)
        if self._names is not None and name not in self._names:
            raise self._error("Unrecognized named-value", token)
        return Name(name, token.position)

    def _call(self, token: Token, name: str) -> Node:
        arguments: list[Node] = []
        if not self._accept(")"):
            arguments.append(self._expression())
            while self._accept(","):
                arguments.append(self._expression())
            self._expect(")")
        self._check(token, name, len(arguments))
        return Call(name, tuple(arguments), token.position)

    def _check(self, token: Token, name: str, count: int) -> None:
        arity = self._arities.get(name)
        if arity is None:
            raise self._error("Unrecognized function", token)
        if count < arity.minimum:
            raise self._error("Too few parameters supplied", token)
        if count > arity.maximum:
            raise self._error("Too many parameters supplied", token)
        if name == "case" and count % 2 == 0:
            what = "Even number of parameters supplied, requires an odd number of parameters"
            raise self._error(what, token)


def _joined(run: _Run) -> Node:
    """The tree of a run: each pass joins what one level of precedence holds together."""
    if not run.operators:
        return run.operands[0]
    for level in (_RELATIONAL, _EQUALITY):
        run = _compared(run, level)
    run = _logical(run, "&&")
    return _logical(run, "||").operands[0]


def _compared(run: _Run, level: frozenset[str]) -> _Run:
    result = _Run([run.operands[0]])
    rest: list[tuple[str, Node]] = []
    for operator, operand in zip(run.operators, run.operands[1:], strict=True):
        if operator.text in level:
            rest.append((operator.text, operand))
            continue
        _close_comparison(result, rest)
        rest = []
        result.operators.append(operator)
        result.operands.append(operand)
    _close_comparison(result, rest)
    return result


def _close_comparison(result: _Run, rest: list[tuple[str, Node]]) -> None:
    if rest:
        first = result.operands[-1]
        result.operands[-1] = Comparison(first, tuple(rest), first.position)


def _logical(run: _Run, operator: LogicalOperator) -> _Run:
    result = _Run([run.operands[0]])
    pending = [run.operands[0]]
    for token, operand in zip(run.operators, run.operands[1:], strict=True):
        if token.text == operator:
            pending.append(operand)
            continue
        _close_logical(result, pending, operator)
        pending = [operand]
        result.operators.append(token)
        result.operands.append(operand)
    _close_logical(result, pending, operator)
    return result


def _close_logical(result: _Run, pending: list[Node], operator: LogicalOperator) -> None:
    if len(pending) > 1:
        result.operands[-1] = Logical(operator, tuple(pending), pending[0].position)
