"""Text with `${{ }}` in it, and conditions."""

import pytest

from app.engine.expressions import (
    MAX_MEMORY,
    Expression,
    ExpressionError,
    Function,
    calls,
    condition,
    evaluate,
    has_expression,
    is_truthy,
    parse_template,
    references,
    render,
)

CONTEXTS: dict[str, object] = {"a": 1, "b": {"c": [1]}, "text": "x", "nothing": None, "yes": True}


class TestHasExpression:
    @pytest.mark.parametrize(
        ("text", "has"), [("", False), ("$ {{ a }}", False), ("{{ a }}", False), ("x ${{ a", True)]
    )
    def test_answers(self, text: str, has: bool) -> None:
        assert has_expression(text) is has


class TestRender:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("", ""),
            ("plain }} {{ $", "plain }} {{ $"),
            # the type stays when there is nothing else
            ("${{ a }}", 1),
            ("${{a}}", 1),
            ("${{\n  a\n}}", 1),
            ("${{ yes }}", True),
            ("${{ nothing }}", None),
            ("${{ b.c }}", [1]),
            ("${{ b.c.* }}", [1]),
            ("${{ '}}' }}", "}}"),
            ("${{ '}}''}}' }}", "}}'}}"),
            ("${{ '${{' }}", "${{"),
            # text around it makes it text
            (" ${{ a }}", " 1"),
            ("${{ a }}\n", "1\n"),
            ("${{ a }}${{ a }}", "11"),
            ("-${{ a }}-${{ yes }}-${{ nothing }}-${{ b }}-${{ b.c }}-", "-1-true--Object-Array-"),
            ("${{ 1.50 }} ${{ -0 }}", "1.5 0"),
            ("${{ '}}' }}}}", "}}}}"),
            ("it's ${{ text }}, isn't it", "it's x, isn't it"),
            ("$${{ text }}", "$x"),
            ("${{ 'it''s' }} }} '", "it's }} '"),
        ],
    )
    def test_value(self, text: str, value: object) -> None:
        result = render(parse_template(text), CONTEXTS)
        assert result == value
        assert type(result) is type(value)

    def test_functions_are_passed_on(self) -> None:
        template = parse_template("key-${{ hashFiles('x') }}")
        assert render(template, {}, {"hashFiles": lambda path: path + "!"}) == "key-x!"

    def test_what_is_produced_is_limited_over_all_expressions(self) -> None:
        template = parse_template("${{ x }}" * 11)
        with pytest.raises(ExpressionError, match="Exceeded max memory"):
            render(template, {"x": "x" * (MAX_MEMORY // 10)})

    def test_errors_point_into_the_whole_text(self) -> None:
        template = parse_template("ab ${{ a }} ${{ 1 + 0 == fromJSON('{') }}".replace("1 + 0", "1"))
        with pytest.raises(ExpressionError) as caught:
            render(template, CONTEXTS)
        assert caught.value.position == template.text.index("fromJSON")

    def test_values_of_no_kind_point_there_too(self) -> None:
        with pytest.raises(ExpressionError) as caught:
            render(parse_template("ab ${{ a }}"), {"a": {1}})
        assert (caught.value.kind, caught.value.position) == ("evaluation", 7)


class TestParseTemplate:
    def test_describes_what_it_read(self) -> None:
        whole = parse_template("${{ a }}")
        mixed = parse_template("x${{ a }}${{ b.c }}y")
        plain = parse_template("x")
        assert (whole.is_whole, whole.is_literal) == (True, False)
        assert (mixed.is_whole, mixed.is_literal) == (False, False)
        assert (plain.is_whole, plain.is_literal) == (False, True)
        assert [type(part) for part in mixed.parts] == [str, Expression, Expression, str]
        assert [references(part) for part in mixed.expressions] == [{("a",)}, {("b", "c")}]

    @pytest.mark.parametrize(
        ("text", "kind", "position", "message"),
        [
            ("x ${{ a", "lexing", 2, "The expression is not closed"),
            ("x ${{", "lexing", 2, "The expression is not closed"),
            ("${{ a }} ${{ '}}", "lexing", 9, "The expression is not closed"),
            ("${{ 'a'}", "lexing", 0, "The expression is not closed"),
            ("x ${{ }}", "parsing", 5, "An expression was expected"),
            ("x ${{}}", "parsing", 5, "An expression was expected"),
            ("x ${{ $ }}", "lexing", 6, "Unexpected symbol: '$'"),
            ("x ${{ a b }}", "parsing", 8, "Unexpected symbol: 'b'"),
            ("${{ ${{ a }} }}", "lexing", 4, "Unexpected symbol: '${{'"),
            ("x ${{ secrets.a }}", "parsing", 6, "Unrecognized named-value: 'secrets'"),
            ("x ${{ success() }}", "parsing", 6, "Unrecognized function: 'success'"),
        ],
    )
    def test_error(self, text: str, kind: str, position: int, message: str) -> None:
        for offset in (0, 100):
            with pytest.raises(ExpressionError) as caught:
                parse_template(
                    text, names=frozenset({"a", "b"}), functions=frozenset(), offset=offset
                )
            assert (caught.value.kind, caught.value.position) == (kind, position + offset)
            assert caught.value.message.startswith(message)

    def test_many_quotes_are_read_in_one_pass(self) -> None:
        with pytest.raises(ExpressionError, match="Exceeded max expression length"):
            parse_template("${{ " + "'a' " * 500_000 + "}}")


def _truth(text: str | float | None, *, success: bool = True) -> bool:
    functions = {
        "success": Function("success", 0, 0, lambda: success),
        "failure": Function("failure", 0, 0, lambda: not success),
        "always": Function("always", 0, 0, lambda: True),
        "cancelled": Function("cancelled", 0, 0, lambda: False),
    }
    return is_truthy(evaluate(condition(text), CONTEXTS, functions))


class TestCondition:
    @pytest.mark.parametrize(
        ("text", "after_success", "after_failure"),
        [
            (None, True, False),
            ("", True, False),
            ("  ", True, False),
            (True, True, False),
            (False, False, False),
            (1, True, False),
            ("a == 1", True, False),
            ("a == 2", False, False),
            ("a == 2 || a == 1", True, False),
            ("${{ a == 1 }}", True, False),
            (" ${{ a == 1 }}\n", True, False),
            ("success()", True, False),
            ("always()", True, True),
            ("${{ always() }}", True, True),
            ("!cancelled()", True, True),
            ("failure()", False, True),
            ("failure() && a == 1", False, True),
            ("a == 2 || failure()", False, True),
            ("contains(text, FAILURE())", False, False),
            # text is true, whatever the expression in it says
            ("${{ a }} == 2", True, False),
            ("!${{ yes }}", True, False),
            ("${{ failure() }} x", True, True),
        ],
    )
    def test_truth(
        self, text: str | float | None, after_success: bool, after_failure: bool
    ) -> None:
        assert _truth(text, success=True) is after_success
        assert _truth(text, success=False) is after_failure

    def test_success_shows_in_the_calls(self) -> None:
        assert calls(condition("a")) == {"success"}
        assert calls(condition("always()")) == {"always"}

    def test_positions_are_those_of_the_text(self) -> None:
        with pytest.raises(ExpressionError) as caught:
            condition("  ${{ nothing }}", names=frozenset({"a"}), offset=100)
        assert caught.value.position == 106

    def test_braces_around_an_expression_stay(self) -> None:
        functions = {"success": lambda: True}
        assert evaluate(condition("{${{ a }}} }"), CONTEXTS, functions) == "{1} }"
