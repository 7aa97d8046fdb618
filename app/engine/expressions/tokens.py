"""Text to tokens.

The rules are those of GitHub's expression lexer: a number runs to the next boundary, a name is
`[A-Za-z_][A-Za-z0-9_-]*`, text is in single quotes and `''` is a quote inside it.
"""

import math
import re
from enum import Enum
from typing import Final, NamedTuple

from app.engine.expressions.errors import MAX_LENGTH, ExpressionError
from app.engine.expressions.values import exact, parse_number


class TokenKind(Enum):
    """What a token is; the operators are told apart by their text."""

    MARK = "mark"
    OPERATOR = "operator"
    NAME = "name"
    LITERAL = "literal"
    END = "end"


class Token(NamedTuple):
    """One token: its text as written, its place in the whole text and a literal's value."""

    kind: TokenKind
    text: str
    position: int
    value: object = None

    @property
    def shown(self) -> str:
        """The token as error messages show it: text without its quotes."""
        return self.value if isinstance(self.value, str) else self.text


# These are read by a single character class each, so that no text can make them backtrack.
_TO_BOUNDARY = re.compile(r"[^\s()\[\],.!<>=&|]*")
_TO_NUMBER_END = re.compile(r"[^\s()\[\],!<>=&|]*")
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_MARKS: Final = frozenset("()[],*")
_PAIRS: Final = frozenset({"!=", "==", "<=", ">=", "&&", "||"})
_SINGLES: Final = frozenset("!<>")
_OPERATOR_STARTS: Final = frozenset("!=<>&|")
_BEFORE_DOT: Final = frozenset(")]*")
_CONSTANTS: Final[dict[str, object]] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": math.nan,
    "Infinity": math.inf,
}


def located(message: str, position: int, text: str) -> str:
    """The message with its place, worded as GitHub words it (positions count from 1 there)."""
    return f"{message}. Located at position {position + 1} within expression: {text}"


class Lexer:
    """Reads one expression.

    Parameters:
        text: the expression, without `${{ }}`.
        offset: where it begins in the text that positions refer to.
    """

    def __init__(self, text: str, offset: int = 0) -> None:
        self._text = text
        self._offset = offset
        self._at = 0
        self._tokens: list[Token] = []

    def tokens(self) -> list[Token]:
        """All tokens, the last of kind END.

        Raises:
            ExpressionError: kind "lexing": too long, or a symbol that is none.
        """
        text = self._text
        if len(text) > MAX_LENGTH:
            message = f"Exceeded max expression length {MAX_LENGTH}"
            raise ExpressionError("lexing", self._offset, message)
        while True:
            space = _SPACE.match(text, self._at)
            assert space is not None
            self._at = space.end()
            if self._at >= len(text):
                break
            self._tokens.append(self._next(text[self._at]))
        self._tokens.append(Token(TokenKind.END, "", self._offset + len(text)))
        return self._tokens

    def _next(self, first: str) -> Token:
        if first in _MARKS:
            return self._take(TokenKind.MARK, self._at + 1)
        if first == "'":
            return self._quoted()
        if first in _OPERATOR_STARTS:
            return self._operator()
        if first == "." and self._follows_value():
            return self._take(TokenKind.MARK, self._at + 1)
        if first in "+-." or "0" <= first <= "9":
            return self._number()
        return self._name()

    def _follows_value(self) -> bool:
        """Whether a dot here accesses a property; elsewhere it begins a number."""
        if not self._tokens:
            return False
        last = self._tokens[-1]
        return last.kind is TokenKind.NAME or (
            last.kind is TokenKind.MARK and last.text in _BEFORE_DOT
        )

    def _take(self, kind: TokenKind, end: int, value: object = None) -> Token:
        start, self._at = self._at, end
        return Token(kind, self._text[start:end], self._offset + start, value)

    def _refuse(self, end: int) -> ExpressionError:
        start = self._at
        message = located(f"Unexpected symbol: '{self._text[start:end]}'", start, self._text)
        return ExpressionError("lexing", self._offset + start, message)

    def _operator(self) -> Token:
        if self._text[self._at : self._at + 2] in _PAIRS:
            return self._take(TokenKind.OPERATOR, self._at + 2)
        if self._text[self._at] in _SINGLES:
            return self._take(TokenKind.OPERATOR, self._at + 1)
        raise self._refuse(_end(_TO_BOUNDARY, self._text, self._at + 1))

    def _number(self) -> Token:
        end = _end(_TO_NUMBER_END, self._text, self._at + 1)
        number = parse_number(self._text[self._at : end])
        if math.isnan(number):
            raise self._refuse(end)
        return self._take(TokenKind.LITERAL, end, exact(number))

    def _quoted(self) -> Token:
        text = self._text
        end = text.find("'", self._at + 1)
        while end >= 0 and text[end + 1 : end + 2] == "'":
            end = text.find("'", end + 2)
        if end < 0:
            raise self._refuse(len(text))
        return self._take(TokenKind.LITERAL, end + 1, text[self._at + 1 : end].replace("''", "'"))

    def _name(self) -> Token:
        end = _end(_TO_BOUNDARY, self._text, self._at + 1)
        name = self._text[self._at : end]
        if not _NAME.fullmatch(name):
            raise self._refuse(end)
        after_dot = bool(self._tokens) and self._tokens[-1].text == "."
        if name in _CONSTANTS and not after_dot:
            return self._take(TokenKind.LITERAL, end, _CONSTANTS[name])
        return self._take(TokenKind.NAME, end)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    assert match is not None
    return match.end()
