"""YAML 1.2 as pipelines use it: scalars, anchors, merge keys, JSON."""

import json
import math
from typing import ClassVar

import pytest

from app.engine.definition import Value
from app.engine.document.compose import compose
from app.engine.document.nodes import plain


def read(text: str) -> Value:
    composed = compose(text)
    assert composed.findings == []
    return plain(composed.root)


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("null", None),
            ("~", None),
            ("", None),
            ("true", True),
            ("False", False),
            ("yes", "yes"),
            ("on", "on"),
            ("NO", "NO"),
            ("0", 0),
            ("-17", -17),
            ("+3", 3),
            ("010", 10),
            ("0o17", 15),
            ("0x1F", 31),
            ("1_000", "1_000"),
            ("0b11", "0b11"),
            ("1:30", "1:30"),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("-1.5E-2", -0.015),
            ("10.x", "10.x"),
            (".inf", math.inf),
            ("-.INF", -math.inf),
            ("2024-01-02", "2024-01-02"),
            ("=", "="),
            ("'1'", "1"),
            ('"true"', "true"),
            ("!!str 1", "1"),
            ("! 1", "1"),
            ("!!int '7'", 7),
            ("!!float 3", 3),
            ("!!null ''", None),
            ("9007199254740993", 9007199254740992.0),
            ("1" * 5000, math.inf),
        ],
    )
    def test_plain_scalars_follow_the_core_schema(self, text: str, value: object) -> None:
        result = read(f"a: {text}")["a"]
        assert (result, type(result)) == (value, type(value))

    def test_not_a_number(self) -> None:
        assert math.isnan(read("a: .NaN")["a"])

    def test_block_scalars(self) -> None:
        assert read("a: |\n  b\n   c\n\nd: >-\n  e\n  f\n") == {"a": "b\n c\n", "d": "e f"}

    def test_on_is_a_string_as_key(self) -> None:
        assert read("on: push") == {"on": "push"}


class TestAnchors:
    def test_an_alias_is_its_anchor(self) -> None:
        assert read("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}

    def test_merged_keys_give_way_to_own_keys(self) -> None:
        text = "a: &a {x: 1, y: 2}\nb:\n  y: 3\n  <<: *a\n"
        assert read(text)["b"] == {"x": 1, "y": 3}

    def test_the_first_of_several_merged_maps_wins(self) -> None:
        text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n"
        assert read(text)["c"] == {"x": 1, "y": 2}

    def test_a_quoted_merge_key_is_a_key(self) -> None:
        assert read("'<<': {a: 1}") == {"<<": {"a": 1}}

    def test_an_anchor_may_be_set_again(self) -> None:
        assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x") == {"a": 1, "b": 1, "c": 2, "d": 2}


class TestJson:
    VALUE: ClassVar = {
        "name": 'Tab\t"quoted" 😀 ü \u2028 /',
        "jobs": {"a": [1, -1.5e3, True, None, {}]},
    }

    @pytest.mark.parametrize("indent", [None, 2, "\t"])
    @pytest.mark.parametrize("ascii_only", [True, False])
    def test_json_is_read(self, indent: int | str | None, ascii_only: bool) -> None:
        text = json.dumps(self.VALUE, indent=indent, ensure_ascii=ascii_only)
        assert read(text) == self.VALUE

    def test_escaped_slashes_and_backslashes_stay(self) -> None:
        assert read(r'{"a": "\/ \\ud83d\\ude00"}') == {"a": "/ \\ud83d\\ude00"}


def test_a_byte_order_mark_is_no_content() -> None:
    assert read("a: 1") == read("\ufeffa: 1")
