"""Inputs of a run become what the file declares."""

from collections.abc import Mapping

import pytest

from app.engine.definition import Input, Scalar
from app.engine.document import InvalidInputs, coerce_inputs


def problems(inputs: tuple[Input, ...], given: Mapping[str, object]) -> list[str]:
    with pytest.raises(InvalidInputs) as caught:
        coerce_inputs(inputs, given)
    return [name for name, _ in caught.value.problems]


class TestValues:
    @pytest.mark.parametrize(
        ("declared", "given", "value"),
        [
            (Input("a"), "x", "x"),
            (Input("a"), 5, "5"),
            (Input("a"), True, "true"),
            (Input("a"), "", ""),
            (Input("a", "boolean"), True, True),
            (Input("a", "boolean"), "True", True),
            (Input("a", "boolean"), "false", False),
            (Input("a", "number"), 5, 5),
            (Input("a", "number"), "5", 5),
            (Input("a", "number"), "-1.5e2", -150),
            (Input("a", "number"), 0.5, 0.5),
            (Input("a", "choice", options=("x", "y")), "y", "y"),
            (Input("a", "choice", options=("1", "2")), 2, "2"),
            (Input("a", "environment"), "production", "production"),
        ],
    )
    def test_a_value_becomes_the_declared_type(
        self, declared: Input, given: object, value: Scalar
    ) -> None:
        result = coerce_inputs((declared,), {"a": given})["a"]
        assert (result, type(result)) == (value, type(value))

    @pytest.mark.parametrize(
        ("declared", "given"),
        [
            (Input("a", "boolean"), "yes"),
            (Input("a", "boolean"), 1),
            (Input("a", "number"), "one"),
            (Input("a", "number"), ""),
            (Input("a", "number"), "nan"),
            (Input("a", "number"), "1_0"),
            (Input("a", "number"), float("inf")),
            (Input("a", "number"), True),
            (Input("a", "choice", options=("x", "y")), "z"),
            (Input("a"), ["x"]),
            (Input("a"), {"x": "y"}),
        ],
    )
    def test_a_value_of_another_kind_is_a_problem(self, declared: Input, given: object) -> None:
        assert problems((declared,), {"a": given}) == ["a"]


class TestMissing:
    def test_a_default_stands_in(self) -> None:
        inputs = (Input("a", default="x"), Input("b", "number", required=True, default=0))
        assert coerce_inputs(inputs, {"a": None}) == {"a": "x", "b": 0}

    def test_without_default_each_kind_has_its_empty_value(self) -> None:
        inputs = (
            Input("a"),
            Input("b", "boolean"),
            Input("c", "number"),
            Input("d", "choice", options=("x",)),
        )
        assert coerce_inputs(inputs, {}) == {"a": "", "b": False, "c": 0, "d": ""}

    def test_a_required_input_must_be_given_and_not_empty(self) -> None:
        inputs = (Input("a", required=True), Input("b", required=True))
        assert problems(inputs, {"b": ""}) == ["a", "b"]


class TestNames:
    def test_an_unknown_name_is_a_problem_with_a_hint(self) -> None:
        with pytest.raises(InvalidInputs, match="input 'levle': is unknown; did you mean 'level'"):
            coerce_inputs((Input("level"),), {"levle": "x"})

    def test_names_are_compared_without_case(self) -> None:
        assert coerce_inputs((Input("Level"),), {"level": "x"}) == {"Level": "x"}

    def test_a_name_given_twice_is_a_problem(self) -> None:
        assert problems((Input("level"),), {"level": "x", "LEVEL": "y"}) == ["LEVEL"]

    def test_all_problems_are_told(self) -> None:
        inputs = (Input("a", "number"), Input("b", required=True))
        assert problems(inputs, {"c": 1, "a": "x"}) == ["c", "a", "b"]
