"""The combinations of a matrix, by the examples and rules of GitHub's documentation."""

from typing import Any

import pytest

from app.engine.matrix import InvalidMatrix, combinations, display_name, expand


class TestCombinations:
    def test_the_first_key_varies_slowest(self) -> None:
        assert combinations({"version": [10, 12], "os": ["a", "b"]}) == (
            {"version": 10, "os": "a"},
            {"version": 10, "os": "b"},
            {"version": 12, "os": "a"},
            {"version": 12, "os": "b"},
        )

    def test_the_documented_inclusions(self) -> None:
        matrix = {
            "fruit": ["apple", "pear"],
            "animal": ["cat", "dog"],
            "include": [
                {"color": "green"},
                {"color": "pink", "animal": "cat"},
                {"fruit": "apple", "shape": "circle"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ],
        }
        assert combinations(matrix) == (
            {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
            {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
            {"fruit": "pear", "animal": "cat", "color": "pink"},
            {"fruit": "pear", "animal": "dog", "color": "green"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        )

    def test_only_inclusions_are_one_job_each(self) -> None:
        matrix = {"include": [{"site": "a", "dc": 1}, {"site": "b", "dc": 2}]}
        assert combinations(matrix) == ({"site": "a", "dc": 1}, {"site": "b", "dc": 2})

    def test_an_exclusion_needs_only_a_part(self) -> None:
        matrix = {
            "os": ["linux", "windows"],
            "version": [1, 2],
            "exclude": [{"os": "windows"}, {"os": "linux", "version": 2}],
        }
        assert combinations(matrix) == ({"os": "linux", "version": 1},)

    def test_exclusions_come_before_inclusions(self) -> None:
        matrix = {"os": ["a", "b"], "exclude": [{"os": "b"}], "include": [{"os": "b", "x": 1}]}
        assert combinations(matrix) == ({"os": "a"}, {"os": "b", "x": 1})

    def test_nested_values_match_in_part(self) -> None:
        matrix = {
            "node": [{"version": 14, "env": "a"}, {"version": 16, "env": "b"}],
            "exclude": [{"node": {"version": "16"}}],
        }
        assert combinations(matrix) == ({"node": {"version": 14, "env": "a"}},)

    def test_a_matrix_that_excludes_everything_has_no_job(self) -> None:
        assert combinations({"os": ["a"], "exclude": [{"os": "A"}]}) == ()

    def test_later_inclusions_do_not_extend_added_jobs(self) -> None:
        matrix = {"os": ["a"], "include": [{"os": "b"}, {"os": "b", "x": 1}]}
        assert combinations(matrix) == ({"os": "a"}, {"os": "b"}, {"os": "b", "x": 1})

    def test_256_jobs_are_the_most(self) -> None:
        assert len(combinations({"n": list(range(256))})) == 256

    @pytest.mark.parametrize(
        ("matrix", "message"),
        [
            ({}, "`matrix` is empty"),
            ([1], "must be a map of lists, but is a list"),
            ({"os": "linux"}, "`matrix.os` must be a list of values, but is `linux`"),
            ({"os": None}, "`matrix.os` must be a list of values, but is empty"),
            ({"os": []}, "`matrix.os` is an empty list"),
            ({"os": ["a"], "include": {"os": "b"}}, "`matrix.include` must be a list of maps"),
            ({"os": ["a"], "include": ["b"]}, r"`matrix.include\[0\]` must be a map"),
            ({"os": ["a"], "exclude": [{}]}, r"`matrix.exclude\[0\]` must be a map of values"),
            ({"os": ["a"], "exclude": [{"o": 1}]}, "names `o`, which is no key of the matrix"),
            ({"n": list(range(257))}, "makes 257 jobs; at most 256"),
            ({f"k{i}": [1, 2] for i in range(300)}, "at most 256"),
        ],
    )
    def test_a_wrong_matrix_says_what_and_where(self, matrix: Any, message: str) -> None:
        with pytest.raises(InvalidMatrix, match=message):
            combinations(matrix)


class TestDisplayName:
    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"os": "linux", "n": 3}, "test (linux, 3)"),
            ({"ok": True, "nothing": None, "empty": ""}, "test (true)"),
            ({"node": {"version": 14, "tags": ["x", "y"]}}, "test (14, x, y)"),
            ({}, "test"),
            ({"f": 1.5}, "test (1.5)"),
        ],
    )
    def test_scalars_in_order(self, values: dict[str, Any], name: str) -> None:
        assert display_name("test", values) == name

    def test_long_names_are_cut(self) -> None:
        name = display_name("test", {"x": "y" * 200})
        assert len(name) == 100
        assert name.endswith("y...")

    def test_values_that_an_inclusion_adds_are_not_shown(self) -> None:
        first, second = expand({"os": ["a"], "include": [{"color": "red"}, {"os": "b", "x": 1}]})
        assert first.values == {"os": "a", "color": "red"}
        assert display_name("t", first.shown) == "t (a)"
        assert display_name("t", second.shown) == "t (b, 1)"
