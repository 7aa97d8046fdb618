"""How large, deep, long and wrong a file may be."""

from app.engine.document import load
from tests.engine.document.marking import found, on


class TestLimits:
    def test_more_than_a_mebibyte_is_refused(self) -> None:
        text = "steps: [{run: x}]\n#" + "é" * (512 * 1024)
        assert found(text) == [("file_too_large", (1, 1))]

    def test_a_mebibyte_is_read(self) -> None:
        text = "steps: [{run: x}]\n#"
        assert load(text + "a" * (1024 * 1024 - len(text))).definition is not None

    def test_deep_nesting_is_refused(self) -> None:
        for text in ("[" * 101, "- " * 101 + "a", "{a: " * 200_000, "[" * 1_000_000):
            assert [code for code, _ in found(text)] == ["too_deep"]

    def test_nesting_through_anchors_counts(self) -> None:
        lines = ["a0: &a0 " + "[" * 60 + "x" + "]" * 60, "a1: " + "[" * 50 + "*a0" + "]" * 50]
        assert found("\n".join(lines))[0][0] == "too_deep"

    def test_an_alias_bomb_is_refused(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        for level in range(1, 10):
            aliases = ", ".join([f"*a{level - 1}"] * 10)
            lines.append(f"a{level}: &a{level} [{aliases}]")
        assert found("\n".join(lines))[0][0] == "too_many_nodes"

    def test_checking_stops_after_many_errors(self) -> None:
        text = "jobs:\n" + "".join(f"  {number}a: {{}}\n" for number in range(5000))
        assert len(load(text).errors) == 200

    def test_too_many_inputs_are_refused(self) -> None:
        inputs = ", ".join(f"i{number}: " for number in range(26))
        assert found(on(f"workflow_dispatch: {{inputs: {{{inputs}}}}}"))[0][0] == "too_many_inputs"

    def test_long_text_with_expressions_is_refused(self) -> None:
        text = "steps:\n  - run: a\n  - run: ${{ github.ref }}" + " a" * 11_000
        assert found(text) == [("invalid_expression", (3, 10))]

    def test_long_text_without_expressions_is_read(self) -> None:
        assert found("steps:\n  - run: " + " a" * 11_000) == []

    def test_too_many_expressions_are_refused(self) -> None:
        line = "  - run: ${{ github.ref }}${{ github.sha }}${{ github.job }}\n"
        assert found("steps:\n" + line * 7000) == [("too_many_expressions", (1, 1))]

    def test_an_error_in_an_anchor_is_reported_once(self) -> None:
        text = "jobs:\n  a: &a {runs-on: x, timeout-minutes: 0}\n  b: *a\n  c: *a\n"
        assert len(load(text).errors) == 1
