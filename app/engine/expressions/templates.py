"""Text with `${{ }}` in it, and the conditions of `if:`.

GitHub documentation "Expressions": a value that is one expression and nothing else keeps its
type; inside text a value is converted as the functions convert it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.engine.expressions.compilation import Functions, compiled
from app.engine.expressions.errors import MAX_MEMORY, ExpressionError, Fault
from app.engine.expressions.expression import Expression, evaluate, parse
from app.engine.expressions.nodes import Call, Literal, Logical, Node
from app.engine.expressions.references import called
from app.engine.expressions.signatures import STATUS_FUNCTIONS
from app.engine.expressions.values import to_text

_OPENING = "${{"
_CLOSING = "}}"


@dataclass(frozen=True, slots=True)
class Template:
    """Text that was read: plain parts and expressions, in order, without empty parts."""

    text: str
    parts: tuple[str | Expression, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the text is one expression and nothing else, so that its value keeps its type."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Expression)

    @property
    def is_literal(self) -> bool:
        """Whether there is no expression in the text."""
        return not any(isinstance(part, Expression) for part in self.parts)

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


def has_expression(text: str) -> bool:
    """Whether the text has `${{` in it."""
    return _OPENING in text


def parse_template(
    text: str,
    *,
    names: frozenset[str] | None = None,
    functions: frozenset[str] | None = None,
    offset: int = 0,
) -> Template:
    """Read text with `${{ }}` anywhere; `}}` between single quotes does not end an expression.

    Parameters:
        text: the whole text. Positions of errors refer to it, not to the expression.
        names: as for `parse`.
        functions: as for `parse`.
        offset: added to every position.

    Raises:
        ExpressionError: an expression is empty, invalid or not closed ("lexing").
    """
    parts: list[str | Expression] = []
    for start, end, is_expression in _pieces(text, offset):
        if is_expression:
            inner = text[start:end]
            if not inner.strip():
                raise ExpressionError("parsing", offset + start, "An expression was expected")
            parts.append(parse(inner, names=names, functions=functions, offset=offset + start))
        elif start < end:
            parts.append(text[start:end])
    return Template(text, tuple(parts))


def _pieces(text: str, offset: int) -> Iterator[tuple[int, int, bool]]:
    at = 0
    while (opening := text.find(_OPENING, at)) >= 0:
        yield at, opening, False
        start = opening + len(_OPENING)
        end = _closing(text, start)
        if end is None:
            message = (
                "The expression is not closed. An unescaped ${{ sequence was found, "
                "but the closing }} sequence was not found."
            )
            raise ExpressionError("lexing", offset + opening, message)
        yield start, end, True
        at = end + len(_CLOSING)
    yield at, len(text), False


def _closing(text: str, start: int) -> int | None:
    """Where the expression ends: the first `}}` outside single quotes."""
    at = start
    end = -1
    while True:
        if end < at:
            end = text.find(_CLOSING, at)
        if end < 0:
            return None
        quote = text.find("'", at, end)
        if quote < 0:
            return end
        # A doubled quote closes and opens at once, which comes to the same.
        at = text.find("'", quote + 1) + 1
        if at == 0:
            return None


def render(
    template: Template, contexts: Mapping[str, object], functions: Functions | None = None
) -> object:
    """The value of a template: typed when it is one expression, else text.

    Raises:
        ExpressionError: of kind "evaluation"; also when the text becomes larger than 10 MiB.
    """
    if template.is_whole:
        return evaluate(template.expressions[0], contexts, functions)
    texts: list[str] = []
    size = 0
    for part in template.parts:
        if isinstance(part, Expression):
            text = _text_of(part, contexts, functions)
            size += len(text)
            if size > MAX_MEMORY:
                message = f"Exceeded max memory of {MAX_MEMORY} characters"
                raise ExpressionError("evaluation", part.tree.position, message)
        else:
            text = part
        texts.append(text)
    return "".join(texts)


def _text_of(part: Expression, contexts: Mapping[str, object], functions: Functions | None) -> str:
    try:
        return to_text(evaluate(part, contexts, functions))
    except Fault as fault:
        raise fault.at(part.tree.position) from None


def condition(
    text: str | float | None,
    *,
    names: frozenset[str] | None = None,
    functions: frozenset[str] | None = None,
    offset: int = 0,
) -> Expression:
    """The expression of an `if:` (GitHub documentation "Status check functions").

    `${{ }}` may be left out; nothing at all means `success()`; without a status function the
    condition is `success() && (…)`. Text around an expression makes it text, which is true
    whatever the expression says: GitHub does the same. The value counts as `is_truthy` has it.

    Parameters:
        text: the value of the key; YAML may have read a boolean or a number.
        names: as for `parse`.
        functions: as for `parse`.
        offset: added to every position.

    Raises:
        ExpressionError: of kind "lexing" or "parsing".
    """
    written = to_text(text)
    success = Call("success", (), offset)
    if not written.strip():
        return Expression(written, success, compiled(success))
    tree = _condition_tree(written, names, functions, offset)
    if not called(tree) & STATUS_FUNCTIONS:
        tree = Logical("&&", (success, tree), tree.position)
    return Expression(written, tree, compiled(tree))


def _condition_tree(
    text: str, names: frozenset[str] | None, functions: frozenset[str] | None, offset: int
) -> Node:
    if not has_expression(text):
        return parse(text, names=names, functions=functions, offset=offset).tree
    lead = len(text) - len(text.lstrip())
    template = parse_template(text.strip(), names=names, functions=functions, offset=offset + lead)
    if template.is_whole:
        return template.expressions[0].tree
    return _as_format(template, offset)


def _as_format(template: Template, offset: int) -> Node:
    """Mixed text as the `format` call that GitHub makes of it."""
    pattern: list[str] = []
    values: list[Node] = []
    for part in template.parts:
        if isinstance(part, str):
            pattern.append(part.replace("{", "{{").replace("}", "}}"))
        else:
            pattern.append(f"{{{len(values)}}}")
            values.append(part.tree)
    return Call("format", (Literal("".join(pattern), offset), *values), offset)
