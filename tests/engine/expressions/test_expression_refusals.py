"""Which texts are no expressions, and what is said about them."""

import pytest

from app.engine.expressions import ExpressionError, evaluate, parse


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "position", "symbol"),
        [
            ('"x"', 0, '"x"'),
            ("'x", 0, "'x"),
            ("1 + 2", 2, "+"),
            ("1-2", 0, "1-2"),
            ("a = b", 2, "="),
            ("a & b", 2, "&"),
            ("a |b", 2, "|b"),
            ("$a", 0, "$a"),
            ("é", 0, "é"),
            ("a.$b", 2, "$b"),
            (".", 0, "."),
            ("'a'.b", 3, ".b"),
            ("1.2.3", 0, "1.2.3"),
            ("0b1", 0, "0b1"),
            ("1_000", 0, "1_000"),
            ("+NaN", 0, "+NaN"),
            ("a*b", 0, "a*b"),
            ("a; b", 0, "a;"),
        ],
    )
    def test_symbol(self, text: str, position: int, symbol: str) -> None:
        with pytest.raises(ExpressionError) as caught:
            evaluate(text, {"a": 1, "b": 2})
        error = caught.value
        assert (error.kind, error.position) == ("lexing", position)
        assert error.message == (
            f"Unexpected symbol: '{symbol}'. "
            f"Located at position {position + 1} within expression: {text}"
        )
        assert str(error) == error.message

    @pytest.mark.parametrize(
        ("text", "position", "what"),
        [
            ("a b", 2, "Unexpected symbol: 'b'"),
            ("1 1", 2, "Unexpected symbol: '1'"),
            ("'x' 'y'", 4, "Unexpected symbol: 'y'"),
            ("a 'y'", 2, "Unexpected symbol: 'y'"),
            ("a ==", 2, "Unexpected end of expression: '=='"),
            ("!", 0, "Unexpected end of expression: '!'"),
            ("(a", 1, "Unexpected end of expression: 'a'"),
            ("a)", 1, "Unexpected symbol: ')'"),
            ("()", 1, "Unexpected symbol: ')'"),
            ("a[]", 2, "Unexpected symbol: ']'"),
            ("a[1", 2, "Unexpected end of expression: '1'"),
            ("a[*", 2, "Unexpected end of expression: '*'"),
            ("a.", 1, "Unexpected end of expression: '.'"),
            ("a.'b'", 2, "Unexpected symbol: 'b'"),
            ("a.*b", 3, "Unexpected symbol: 'b'"),
            ("a.format('x')", 8, "Unexpected symbol: '('"),
            ("*", 0, "Unexpected symbol: '*'"),
            ("== a", 0, "Unexpected symbol: '=='"),
            ("a && || a", 5, "Unexpected symbol: '||'"),
            ("a == ! == a", 7, "Unexpected symbol: '=='"),
            ("a ! b", 2, "Unexpected symbol: '!'"),
            ("'abc'[0]", 5, "Unexpected symbol: '['"),
            ("true[0]", 4, "Unexpected symbol: '['"),
            ("a, b", 1, "Unexpected symbol: ','"),
            ("join(a,)", 7, "Unexpected symbol: ')'"),
            ("join(,a)", 5, "Unexpected symbol: ','"),
            ("join(a b)", 7, "Unexpected symbol: 'b'"),
            ("join(a", 5, "Unexpected end of expression: 'a'"),
            ("join(", 4, "Unexpected end of expression: '('"),
            ("nothing", 0, "Unrecognized named-value: 'nothing'"),
            ("a == nothing.x", 5, "Unrecognized named-value: 'nothing'"),
            ("True", 0, "Unrecognized named-value: 'True'"),
            ("a[nothing]", 2, "Unrecognized named-value: 'nothing'"),
            ("join", 0, "Unrecognized named-value: 'join'"),
            ("nothing()", 0, "Unrecognized function: 'nothing'"),
            ("success()", 0, "Unrecognized function: 'success'"),
            ("toJSON()", 0, "Too few parameters supplied: 'toJSON'"),
            ("toJSON(a, a)", 0, "Too many parameters supplied: 'toJSON'"),
            ("fromJSON()", 0, "Too few parameters supplied: 'fromJSON'"),
            ("contains(a)", 0, "Too few parameters supplied: 'contains'"),
            ("endsWith(a, a, a)", 0, "Too many parameters supplied: 'endsWith'"),
            ("format()", 0, "Too few parameters supplied: 'format'"),
            ("join()", 0, "Too few parameters supplied: 'join'"),
            ("join(a, a, a)", 0, "Too many parameters supplied: 'join'"),
            ("case(true, 1)", 0, "Too few parameters supplied: 'case'"),
            (
                "case(true, 1, true, 2)",
                0,
                "Even number of parameters supplied, requires an odd number of parameters: 'case'",
            ),
        ],
    )
    def test_grammar(self, text: str, position: int, what: str) -> None:
        with pytest.raises(ExpressionError) as caught:
            evaluate(text, {"a": 1, "b": 2})
        error = caught.value
        assert (error.kind, error.position) == ("parsing", position)
        assert error.message == (
            f"{what}. Located at position {position + 1} within expression: {text}"
        )

    def test_too_many_arguments(self) -> None:
        assert parse(f"format('', {', '.join(['1'] * 254)})")
        with pytest.raises(ExpressionError, match="Too many parameters"):
            parse(f"format('', {', '.join(['1'] * 255)})")
