"""Nothing but `ExpressionError`, whatever the text; and laws that hold for all values."""

import json
import math
from collections.abc import Callable
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.expressions import (
    Expression,
    ExpressionError,
    Template,
    calls,
    condition,
    evaluate,
    is_truthy,
    parse,
    parse_template,
    references,
    render,
    to_number,
    to_text,
)
from app.engine.expressions.values import equals, greater

# A busy machine is no finding.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_NUMBERS = st.integers() | st.floats()
_PRIMITIVES = st.none() | st.booleans() | _NUMBERS | st.text()
_VALUES = st.recursive(
    _PRIMITIVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
        | st.tuples(inner)
    ),
    max_leaves=12,
)
_NAMES = ("github", "needs", "Matrix", "missing")
_FUNCTIONS = (
    *("contains", "startsWith", "endsWith", "join"),
    *("format", "case", "toJSON", "fromJSON"),
)
_PIECES = (
    *("'", "''", "{0}", "{{", "}", "(", ")", "[", "]", "*", ".", ",", "!", "!=", "=", "==", "<"),
    *("&&", "||", "|", " ", "\n", "null", "true", "NaN", "-Infinity", "0x1f", "-1", ".5", "1e9"),
    *("format", "fromJSON", "toJSON", "join", "case", "contains", "hashFiles", "${{", "}}", "\0"),
    *_NAMES,
)
_SOUP = st.lists(st.sampled_from(_PIECES) | st.characters(), max_size=40).map("".join)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_LEAVES = st.one_of(
    st.sampled_from(_NAMES),
    st.sampled_from(["null", "true", "false", "NaN", "Infinity", "-1", "0", "2.5e3", "0xff"]),
    st.text(max_size=8).map(_quoted),
    _VALUES.map(lambda value: f"fromJSON({_quoted(json.dumps(value))})"),
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "&&", "||"])
    accesses = st.sampled_from([".a", ".*", "[*]", "[0]", "['a']"])
    functions = st.sampled_from(_FUNCTIONS)
    single = st.sampled_from(["toJSON", "fromJSON", "format", "join"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(" ".join),
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, accesses).map(lambda parts: f"({parts[0]}){parts[1]}"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]})[{parts[1]}]"),
        st.tuples(functions, st.lists(inner, max_size=3)).map(
            lambda parts: f"{parts[0]}({', '.join(parts[1])})"
        ),
        st.tuples(single, inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
    )


_GRAMMAR = st.recursive(_LEAVES, _larger, max_leaves=10)
_CONTEXTS = st.fixed_dictionaries({"github": _VALUES, "needs": _VALUES, "matrix": _VALUES})
_PLAIN = (type(None), bool, int, float, str, list, dict, tuple)


def _outcome(call: Callable[[], object]) -> object:
    """The result of a call, or the only exception that it may end in."""
    try:
        return call()
    except ExpressionError as error:
        return error


@_UNTIMED
@given(text=_SOUP | _GRAMMAR | st.text(), contexts=_CONTEXTS)
def test_only_expression_errors_are_raised(text: str, contexts: dict[str, object]) -> None:
    functions = {"hashFiles": lambda *paths: str(len(paths))}
    result = _outcome(lambda: evaluate(text, contexts, functions))
    if isinstance(result, ExpressionError):
        assert result.kind in ("lexing", "parsing", "evaluation")
        assert 0 <= result.position <= len(text)
    else:
        assert type(result) in _PLAIN


@_UNTIMED
@given(text=_GRAMMAR, contexts=_CONTEXTS)
def test_grammatical_text_is_read_and_evaluates_alike_again(
    text: str, contexts: dict[str, object]
) -> None:
    expression = _outcome(lambda: parse(text))
    if isinstance(expression, ExpressionError):
        # The grammar above does not count arguments, and may nest deeper than is allowed.
        assert "parameters" in expression.message or "depth" in expression.message
        return
    assert isinstance(expression, Expression)
    assert {path[0] for path in references(expression)} <= {name.lower() for name in _NAMES}
    assert calls(expression) <= {name.lower() for name in _FUNCTIONS}
    with suppress(ExpressionError):
        first = evaluate(expression, contexts)
        assert repr(evaluate(expression, contexts)) == repr(first)


@_UNTIMED
@given(text=_SOUP | st.text(), contexts=_CONTEXTS, offset=st.integers(0, 99))
def test_templates_and_conditions_raise_only_expression_errors(
    text: str, contexts: dict[str, object], offset: int
) -> None:
    template = _outcome(lambda: parse_template(text, offset=offset))
    status = _outcome(lambda: condition(text, offset=offset))
    for result in (template, status):
        if isinstance(result, ExpressionError):
            assert offset <= result.position <= offset + len(text)
    if isinstance(template, Template):
        _outcome(lambda: render(template, contexts))
    if isinstance(status, Expression):
        _outcome(lambda: evaluate(status, contexts, {"success": lambda: True}))


@_UNTIMED
@given(text=st.text())
def test_text_without_an_expression_renders_as_itself(text: str) -> None:
    text = text.replace("${{", "")
    if "${{" not in text:
        assert render(parse_template(text), {}) == text


@_UNTIMED
@given(text=st.text(max_size=1000))
def test_quoting_keeps_any_text(text: str) -> None:
    assert evaluate(_quoted(text), {}) == text
    assert render(parse_template(f"${{{{ {_quoted(text)} }}}}"), {}) == text
    assert render(parse_template(f"<${{{{ {_quoted(text)} }}}}>"), {}) == f"<{text}>"


@_UNTIMED
@given(value=_VALUES)
def test_json_reads_back_what_it_wrote(value: object) -> None:
    text = evaluate("toJSON(x)", {"x": value})
    assert isinstance(text, str)
    again = evaluate("fromJSON(toJSON(x))", {"x": value})
    assert evaluate("toJSON(x)", {"x": again}) == evaluate("toJSON(fromJSON(x))", {"x": text})
    json.loads(text)


@_UNTIMED
@given(left=_VALUES, right=_VALUES)
def test_comparisons_agree_with_one_another(left: object, right: object) -> None:
    assert equals(left, right) is equals(right, left)
    assert not (greater(left, right) and greater(right, left))
    assert not (greater(left, right) and equals(left, right))
    contexts = {"a": left, "b": right}
    assert evaluate("a != b", contexts) is not evaluate("a == b", contexts)
    assert evaluate("a >= b", contexts) is evaluate("a > b || a == b", contexts)
    assert evaluate("a < b", contexts) is evaluate("b > a", contexts)


@_UNTIMED
@given(value=_VALUES)
def test_conversions_are_total(value: object) -> None:
    assert isinstance(to_text(value), str)
    assert isinstance(to_number(value), float)
    assert is_truthy(value) is evaluate("!!x", {"x": value})
    assert evaluate("x && 1 || 2", {"x": value}) == (1 if is_truthy(value) else 2)


@_UNTIMED
@given(number=st.floats(-1e300, 1e300))
def test_numbers_survive_as_text_to_fifteen_digits(number: float) -> None:
    assert math.isclose(to_number(to_text(number)), number, rel_tol=1e-14)
    assert evaluate("fromJSON(toJSON(x))", {"x": number}) == number
