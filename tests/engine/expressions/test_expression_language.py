"""What expressions mean: tables after GitHub's documentation."""

import math

import pytest

from app.engine.expressions import ExpressionError, evaluate, parse

CONTEXTS: dict[str, object] = {
    "github": {"ref_name": "main", "Event": {"labels": [{"name": "bug"}, {"name": "help"}, {}]}},
    "matrix": {"os": ["linux", "windows"], "size": 3},
    "needs": {
        "build": {"result": "success", "outputs": {"x": "1"}},
        "test": {"result": "failure", "outputs": {"x": "2"}},
    },
    "grid": [[1, 2], [3], "x", {"a": 4, "b": {"c": 5}}],
}


class TestValues:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("", None),
            (" \t\r\n ", None),
            ("null", None),
            ("true", True),
            ("''", ""),
            ("'it''s'", "it's"),
            ("''''''", "''"),
            ("'a''b''c'", "a'b'c"),
            ("'}} ${{ \" \\n'", '}} ${{ " \\n'),
            ("+.5e1", 5),
            ("0xFF", 255),
            ("0o17", 15),
            ("1.", 1),
            ("-Infinity", -math.inf),
            ("( ( 1 ) )", 1),
            # precedence
            ("true || false && false", True),
            ("(true || false) && false", False),
            ("false && false || true", True),
            ("1 < 2 == true", True),
            ("true == 1 < 2", True),
            ("1 == 1 && 2 == 3", False),
            ("!true == false", True),
            ("!(true == false)", True),
            ("!1 < 1", True),
            ("!!'x'", True),
            ("3 > 2 > 1", False),
            ("1 == 1 == 1", True),
            ("'a' < 'B'", True),
            ("1 != 2 != true", False),
            # operands, not booleans
            ("0 || 'x'", "x"),
            ("'a' && 'b'", "b"),
            ("'' && 'b'", ""),
            ("null || 0", 0),
            ("1 && 2 && 0 && 3", 0),
            ("NaN || 'not a number'", "not a number"),
            # a branch that is not taken is not evaluated
            ("true || fromJSON('')", True),
            ("false && fromJSON('')", False),
            ("case(true, 1, fromJSON(''))", 1),
            ("case(false, fromJSON(''), true, 2, fromJSON(''))", 2),
            # not-a-number
            ("NaN == NaN", False),
            ("NaN != NaN", True),
            ("NaN >= NaN", False),
            ("'x' <= 1", False),
            ("null >= null", True),
            ("matrix >= matrix", True),
            ("matrix > matrix", False),
        ],
    )
    def test_value(self, text: str, value: object) -> None:
        result = evaluate(text, CONTEXTS)
        assert result == value
        assert type(result) is type(value)

    def test_integers_stay_integers(self) -> None:
        assert type(evaluate("5", {})) is int
        assert type(evaluate("5.0", {})) is int
        assert type(evaluate("9007199254740993", {})) is float

    def test_negative_zero_is_kept(self) -> None:
        value = evaluate("-0", {})
        assert isinstance(value, float)
        assert math.copysign(1, value) == -1


class TestAccess:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("GITHUB.REF_NAME", "main"),
            ("github['Ref_Name']", "main"),
            ("github . ref_name", "main"),
            ("github.nothing", None),
            ("github.nothing.at.all", None),
            ("github.ref_name.length", None),
            ("github[github]", None),
            ("matrix.os[1]", "windows"),
            ("matrix.os[1.9]", "windows"),
            ("matrix.os['1']", "windows"),
            ("matrix.os[2]", None),
            ("matrix.os[-1]", None),
            ("matrix.os.x", None),
            ("matrix['os'][0]", "linux"),
            ("matrix[format('{0}s', 'o')][0]", "linux"),
            # filters
            ("needs.*.result", ["success", "failure"]),
            ("needs[*].outputs.x", ["1", "2"]),
            ("needs.*.outputs.*", ["1", "2"]),
            ("needs.*['RESULT']", ["success", "failure"]),
            ("github.event.labels.*.name", ["bug", "help"]),
            ("github.event.labels[*].nothing", []),
            ("grid.*", [[1, 2], [3], "x", {"a": 4, "b": {"c": 5}}]),
            ("grid.*.*", [1, 2, 3, 4, {"c": 5}]),
            ("grid.*[0]", [1, 3]),
            ("grid.*[1]", [2]),
            ("grid.*.*.c", [5]),
            ("grid.*[NaN]", []),
            ("grid.*[-1]", []),
            ("github.ref_name.*", []),
            ("github.nothing.*", []),
            ("github.nothing.*.x", []),
            ("(needs.*.result)[0]", []),
            ('fromJSON(\'[{"a":1},{"a":2}]\').*.a', [1, 2]),
        ],
    )
    def test_value(self, text: str, value: object) -> None:
        result = evaluate(text, CONTEXTS)
        assert result == value
        assert type(result) is type(value)

    def test_the_exact_name_wins_over_another_case(self) -> None:
        assert evaluate("env.b", {"env": {"B": 1, "b": 2}}) == 2
        assert evaluate("env.B", {"env": {"B": 1, "b": 2}}) == 1

    def test_keys_that_are_no_text_are_found_by_their_text(self) -> None:
        assert evaluate("x['1']", {"x": {1: "one"}}) == "one"

    def test_contexts_are_returned_and_not_copied(self) -> None:
        assert evaluate("grid", CONTEXTS) is CONTEXTS["grid"]

    def test_a_name_without_a_context_is_null_once_parsed(self) -> None:
        assert evaluate(parse("inputs.x"), {}) is None


class TestParse:
    def test_names_are_compared_without_case(self) -> None:
        assert parse("GitHub.x", names=frozenset({"github"}))
        assert parse("github.x", names=frozenset({"GitHub"}))
        with pytest.raises(ExpressionError, match="Unrecognized named-value: 'secrets'"):
            parse("secrets.x", names=frozenset({"github"}))

    def test_the_offset_moves_positions_and_not_messages(self) -> None:
        with pytest.raises(ExpressionError) as caught:
            parse("a b", offset=10)
        assert caught.value.position == 12
        assert "position 3 within" in caught.value.message

    def test_an_expression_can_be_evaluated_again(self) -> None:
        expression = parse("a || b")
        assert evaluate(expression, {"a": 0, "b": 2}) == 2
        assert evaluate(expression, {"a": 1, "b": 2}) == 1
        assert expression == parse("a || b")
        assert hash(expression) == hash(parse("a || b"))

    def test_values_that_are_none_are_refused_with_the_place(self) -> None:
        with pytest.raises(ExpressionError) as caught:
            evaluate("1 == a", {"a": {1, 2}})
        assert caught.value.kind == "evaluation"
        assert caught.value.message == "Unsupported value of type 'set'"
