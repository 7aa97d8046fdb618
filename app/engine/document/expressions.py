"""Checks the expressions of a file: syntax, what may be used where, and what they refer to."""

from functools import lru_cache

from app.engine.definition import Position
from app.engine.document.expression_hints import expression_hint
from app.engine.document.findings import Findings, Written
from app.engine.document.nodes import ScalarNode
from app.engine.expressions import (
    MAX_LENGTH,
    ExpressionError,
    Path,
    availability,
    condition,
    has_expression,
    parse_template,
    references,
)

_REMEMBERED_LENGTH = 2000
MAX_EXPRESSIONS = 20_000
"""In one file; honest files of 1 MiB have far fewer, and each costs some 20 µs to parse."""
_Read = tuple[frozenset[Path], ExpressionError | None, bool]
"""References, what is wrong, and whether it is a condition that text makes true."""
_NOTHING: frozenset[Path] = frozenset()


def read(written: Written, source: str, findings: Findings) -> frozenset[Path]:
    """The references of an expression of the file; what is wrong with it becomes a finding."""
    text = written.node.text
    if len(text) > MAX_LENGTH and not written.is_condition:
        message = f"text with expressions has at most {MAX_LENGTH} characters, as on GitHub"
        findings.error("invalid_expression", message, written.node, written.path)
        return _NOTHING
    reader = _read if len(text) > _REMEMBERED_LENGTH else _remembered
    paths, error, always_true = reader(text, written.key, written.is_condition)
    if error is not None:
        place = locate(source, written.node, error.position)
        hint = expression_hint(error, written.key)
        message = f"the expression is not valid: {error.message.rstrip()}{hint}"
        findings.add("error", "invalid_expression", message, place, written.path)
    if always_true:
        message = (
            "text around '${{ }}' makes this condition always true, as on GitHub; put all of it "
            "between '${{' and '}}', or leave both out"
        )
        findings.warning("condition_is_text", message, written.node, written.path)
    return paths


def _read(text: str, key: str, is_condition: bool) -> _Read:
    allowed = availability(key)
    if allowed is None:
        raise AssertionError(f"the dialect names '{key}', which allows no expressions")
    names, functions = allowed.contexts, allowed.functions
    try:
        if is_condition:
            paths = references(condition(text, names=names, functions=functions))
            return paths, None, has_expression(text) and not parse_template(text.strip()).is_whole
        template = parse_template(text, names=names, functions=functions)
    except ExpressionError as error:
        return _NOTHING, error, False
    paths = _NOTHING.union(*(references(part) for part in template.expressions))
    return paths, None, False


_remembered = lru_cache(maxsize=2048)(_read)


def locate(source: str, node: ScalarNode, offset: int) -> Position:
    """The place in the file of an offset in a scalar's text, as near as it can be told.

    Quotes, escapes and folding make text and source differ, so the `${{` that stands before the
    offset is looked for in the source, and characters are counted from there.
    """
    written = source[node.start : node.end]
    opening = node.text.rfind("${{", 0, offset + 3)
    if opening < 0:
        first_line = node.text.split("\n", 1)[0]
        begin, opening = written.find(first_line) if first_line else -1, 0
    else:
        begin = _nth(written, "${{", node.text.count("${{", 0, opening + 3))
    if begin < 0:
        return Position(node.line, node.column)
    length = offset - opening
    if written[begin : begin + length] != node.text[opening:offset]:
        length = 0
    return _position_at(source, node, node.start + begin + length)


def _nth(text: str, part: str, count: int) -> int:
    at = -1
    for _ in range(count):
        at = text.find(part, at + 1)
        if at < 0:
            return -1
    return at


def _position_at(source: str, node: ScalarNode, offset: int) -> Position:
    # Counted from the node and not from the beginning: a large file may have many findings.
    line = node.line + source.count("\n", node.start, offset)
    return Position(line, offset - source.rfind("\n", 0, offset))
