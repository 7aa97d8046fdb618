"""Depth, length and memory."""

import math

import pytest

from app.engine.expressions import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_MEMORY,
    ExpressionError,
    evaluate,
    parse,
)


class TestLimits:
    @pytest.mark.parametrize(
        ("before", "after", "most"),
        [
            ("(", ")", MAX_DEPTH - 1),
            ("!", "", MAX_DEPTH - 1),
            ("a[", "]", MAX_DEPTH - 1),
            ("join(", ")", MAX_DEPTH - 1),
            ("a || (", ")", MAX_DEPTH // 2 - 1),
        ],
    )
    def test_depth(self, before: str, after: str, most: int) -> None:
        evaluate(before * most + "a" + after * most, {"a": 1})
        with pytest.raises(ExpressionError, match="Exceeded max expression depth 50") as caught:
            parse(before * (most + 2) + "a" + after * (most + 2))
        assert caught.value.kind == "parsing"

    def test_depth_of_properties(self) -> None:
        assert evaluate("a" + ".b" * 49, {"a": {}}) is None
        with pytest.raises(ExpressionError, match="Exceeded max expression depth 50"):
            parse("a" + ".b" * 50)

    @pytest.mark.parametrize("operator", ["==", "<", "&&", "||", "&& a ||"])
    def test_length_is_not_depth(self, operator: str) -> None:
        count = MAX_LENGTH // (len(operator) + 3) - 1
        evaluate(f" {operator} ".join(["a"] * count), {"a": 1})

    def test_length(self) -> None:
        assert evaluate("1" + " " * (MAX_LENGTH - 1), {}) == 1
        with pytest.raises(ExpressionError, match="Exceeded max expression length") as caught:
            parse("1" + " " * MAX_LENGTH, offset=3)
        assert (caught.value.kind, caught.value.position) == ("lexing", 3)

    @pytest.mark.parametrize(
        "text",
        [
            "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', big)",
            "join(many.*.*, big)",
            "toJSON(many)",
            "fromJSON(format('{0}{0}{0}{0}{0}{0}', big))",
            "format('{0}', given())",
        ],
    )
    def test_memory(self, text: str) -> None:
        big = "x" * (MAX_MEMORY // 10)
        contexts = {"big": big, "many": [[big] * 6] * 2}
        with pytest.raises(ExpressionError, match="Exceeded max memory") as caught:
            evaluate(text, contexts, {"given": lambda: "x" * (MAX_MEMORY // 2 + 1)})
        assert caught.value.kind == "evaluation"

    def test_doubling_is_stopped(self) -> None:
        text = "'0123456789'"
        for _ in range(40):
            text = f"format('{{0}}{{0}}', {text})"
        with pytest.raises(ExpressionError, match="Exceeded max memory"):
            evaluate(text, {})

    @pytest.mark.parametrize("depth", [101, 500, 100_000])
    def test_json_depth(self, depth: int) -> None:
        with pytest.raises(ExpressionError):
            evaluate("fromJSON(x)", {"x": "[" * depth + "]" * depth})

    def test_json_of_deep_contexts(self) -> None:
        value: object = 1
        for _ in range(100):
            value = [value]
        evaluate("toJSON(x)", {"x": value})
        with pytest.raises(ExpressionError, match="Exceeded max JSON depth"):
            evaluate("toJSON(x)", {"x": [value]})

    def test_hostile_numbers_are_read_in_one_pass(self) -> None:
        digits = "1" * 2_000_000
        assert evaluate("x == 1", {"x": digits + "x"}) is False
        assert evaluate("x == y", {"x": "0x" + digits, "y": math.inf}) is True
