"""Conversions between values, and how they compare."""

import datetime
import math
from collections import OrderedDict
from enum import Enum, StrEnum

import pytest

from app.engine.expressions import ExpressionError, evaluate, is_truthy, to_number, to_text
from app.engine.expressions.values import equals, fold, greater


class Colour(StrEnum):
    RED = "red"


class Shade(str, Enum):  # noqa: UP042 - the older spelling is what libraries still pass in
    DARK = "dark"


class TestToText:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            (True, "true"),
            (False, "false"),
            (0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.3"),
            (1 / 3, "0.333333333333333"),
            (999999999999999, "999999999999999"),
            (10**15, "1E+15"),
            (1e21, "1E+21"),
            (123456789012345678, "1.23456789012346E+17"),
            (10**400, "Infinity"),
            (-(10**400), "-Infinity"),
            (0.0001, "0.0001"),
            (0.00001, "1E-05"),
            (math.inf, "Infinity"),
            (-math.inf, "-Infinity"),
            (math.nan, "NaN"),
            ("x", "x"),
            (Colour.RED, "red"),
            (Shade.DARK, "dark"),
            ([], "Array"),
            ((1,), "Array"),
            ({}, "Object"),
            (OrderedDict(a=1), "Object"),
        ],
    )
    def test_writes_as_github_does(self, value: object, text: str) -> None:
        assert to_text(value) == text

    def test_refuses_what_is_no_value(self) -> None:
        with pytest.raises(ExpressionError, match="Unsupported value of type 'date'") as caught:
            to_text(datetime.date(2024, 1, 1))
        assert caught.value.kind == "evaluation"


class TestToNumber:
    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (None, 0),
            (True, 1),
            (False, 0),
            (7, 7),
            (10**400, math.inf),
            ("", 0),
            (" \t\n", 0),
            ("12", 12),
            (" -1.5e+2 ", -150),
            ("1.", 1),
            (".5", 0.5),
            ("007", 7),
            ("0xfF", 255),
            ("0xffffffffff", 0xFFFFFFFFFF),
            ("0x" + "f" * 300, math.inf),
            ("0o17", 15),
            ("1e999", math.inf),
            ("Infinity", math.inf),
            ("+Infinity", math.inf),
            ("-Infinity", -math.inf),
        ],
    )
    def test_reads(self, value: object, number: float) -> None:
        assert to_number(value) == number

    @pytest.mark.parametrize(
        "value",
        [
            *("abc", "1_000", "1 2", "1,5", "--1", ".", "e5", "1e", "0x", "0xg", "0o8", "0b1"),
            *("-0xff", "infinity", "inf", "nan", "NaN", "\N{ARABIC-INDIC DIGIT ONE}"),
            [],
            {},
            [1],
        ],
    )
    def test_everything_else_is_no_number(self, value: object) -> None:
        assert math.isnan(to_number(value))


class TestIsTruthy:
    @pytest.mark.parametrize("value", [None, False, 0, 0.0, -0.0, math.nan, ""])
    def test_false(self, value: object) -> None:
        assert not is_truthy(value)

    @pytest.mark.parametrize("value", [True, 1, -1, 0.1, math.inf, "0", "false", " ", [], {}, ()])
    def test_true(self, value: object) -> None:
        assert is_truthy(value)


class TestEquals:
    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("abc", "ABC"),
            ("straße", "STRAßE"),
            ("ÉTÉ", "été"),
            ("1", 1),
            ("0x10", 16),
            ("", None),
            ("", False),
            (None, 0),
            (True, "1"),
            (1, 1.0),
        ],
    )
    def test_holds_both_ways(self, left: object, right: object) -> None:
        assert equals(left, right)
        assert equals(right, left)

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("abc", "abd"),
            ("ß", "ss"),
            ("true", True),
            (math.nan, math.nan),
            ("NaN", math.nan),
            ([], []),
            ({}, {}),
            ([], ""),
            ([], None),
            ({}, False),
            ([], {}),
        ],
    )
    def test_fails_both_ways(self, left: object, right: object) -> None:
        assert not equals(left, right)
        assert not equals(right, left)

    def test_the_same_collection_is_equal(self) -> None:
        value: list[object] = []
        assert equals(value, value)


class TestGreater:
    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("b", "A"),
            ("B", "a"),
            (2, "1"),
            (True, False),
            (True, None),
            ("1", None),
            (1, -math.inf),
        ],
    )
    def test_orders(self, left: object, right: object) -> None:
        assert greater(left, right)
        assert not greater(right, left)

    @pytest.mark.parametrize(
        ("left", "right"),
        [(None, None), (math.nan, 1), ("x", 1), ([], []), ({}, 0), ("a", "A"), ([1], 0)],
    )
    def test_does_not_order(self, left: object, right: object) -> None:
        assert not greater(left, right)
        assert not greater(right, left)


def test_folding_keeps_the_dotless_i_apart() -> None:
    dotless = "\N{LATIN SMALL LETTER DOTLESS I}"
    assert fold(dotless) == dotless
    assert evaluate("a == 'i'", {"a": dotless}) is False
