"""What can go wrong in an expression, and the limits that make it go wrong in time."""

from typing import Literal

ErrorKind = Literal["lexing", "parsing", "evaluation"]

#: Longest expression and deepest nesting, as in GitHub's expression parser.
MAX_LENGTH = 21_000
MAX_DEPTH = 50
#: Characters (and eight per array item) that one evaluation may produce: 10 MiB, GitHub's limit.
MAX_MEMORY = 10 * 1024 * 1024
#: Nesting of JSON that `fromJSON` reads and `toJSON` writes.
MAX_JSON_DEPTH = 100


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated.

    Parameters:
        kind: the stage that refused it.
        position: 0-based offset in the text that was parsed (the whole text for a template).
        message: what is wrong, in the words of GitHub's parser.
    """

    def __init__(self, kind: ErrorKind, position: int, message: str) -> None:
        super().__init__(kind, position, message)
        self.kind: ErrorKind = kind
        self.position = position
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExpressionError) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)


class Fault(ExpressionError):
    """An evaluation error of which the place is not known yet: the call around it adds it."""

    def __init__(self, message: str) -> None:
        super().__init__("evaluation", 0, message)

    def at(self, position: int) -> ExpressionError:
        """The same error, placed."""
        return ExpressionError("evaluation", position, self.message)

    def __reduce__(self) -> tuple[type["Fault"], tuple[str]]:
        return Fault, (self.message,)
