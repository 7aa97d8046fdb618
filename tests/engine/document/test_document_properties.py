"""Any text is answered by diagnostics, never by another exception, and within bounds."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.engine.definition import Input
from app.engine.document import InvalidInputs, coerce_inputs, load
from app.engine.document.cron import refusal

VALID = """\
on:
  push: {branches: [main, '!x'], paths-ignore: ['**.md']}
  schedule: [{cron: '0 5 * * MON', timezone: Europe/Berlin}]
  workflow_dispatch: {inputs: {a: {type: choice, options: [b], default: b}}}
env: &env {A: 1, B: "${{ github.ref }}"}
concurrency: {group: g, cancel-in-progress: true}
jobs:
  one:
    runs-on: [a, b]
    strategy: {matrix: {x: [1, 2], include: [{x: 3, y: '${{ inputs.a }}'}]}}
    outputs: {o: '${{ steps.s.outputs.o }}'}
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - run: |
          echo ${{ matrix.x }} ${{ format('{0}', env.A) }}
        id: s
        if: success() && github.ref != 'x'
        env: {<<: *env, C: d}
  two:
    needs: [one]
    runs-on: ${{ needs.one.outputs.o }}
    retry: {max-attempts: 2}
    steps: [{run: "a"}]
"""
_SYNTAX = (
    "${{", "}}", "'", '"', "\t", "\n  ", "- ", ": ", "{", "]", "&a", "*a", "<<: ", "!", "|", ">",
    "#", "%", "---\n", "...", "\x00", "\u2028", "\ufeff", "é", "1e999", ".nan",
)  # fmt: skip
_PIECES = st.sampled_from([*VALID.split(), *_SYNTAX])


def check(text: str) -> None:
    loaded = load(text)
    lines = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\u2029")
    lines += text.count("\x85") + 1
    for found in loaded.diagnostics:
        assert 1 <= found.position.line <= lines + 1
        assert found.position.column >= 1
        assert found.message
    assert (loaded.definition is None) <= bool(loaded.errors)


@given(st.text(max_size=200))
@example("\ud800")
@example("a: " + "&a [" * 200)
def test_any_text(text: str) -> None:
    check(text)


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_pieces_of_the_language(text: str) -> None:
    check(text)


@given(st.integers(0, len(VALID)), st.integers(0, 30), st.one_of(_PIECES, st.text(max_size=5)))
def test_a_valid_file_with_a_part_replaced(start: int, length: int, new: str) -> None:
    check(VALID[:start] + new + VALID[start + length :])


@given(st.randoms(use_true_random=False))
def test_a_valid_file_with_lines_moved(source: random.Random) -> None:
    lines = VALID.split("\n")
    for _ in range(source.randint(1, 5)):
        line = lines.pop(source.randrange(len(lines)))
        lines.insert(source.randrange(len(lines) + 1), " " * source.randint(0, 4) + line)
    check("\n".join(lines))


def test_the_valid_file_is_valid() -> None:
    assert load(VALID).errors == ()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["a", "A", "b", "c", "d", "e"]), _VALUES))
def test_inputs_are_typed_or_refused(given_values: dict[str, object]) -> None:
    inputs = (
        Input("a", "boolean"),
        Input("b", "number", required=True),
        Input("c", "choice", options=("x", "")),
        Input("d", default="z"),
    )
    try:
        values = coerce_inputs(inputs, given_values)
    except InvalidInputs as error:
        assert error.problems  # noqa: PT017  # either outcome is right; each has its own check
    else:
        assert list(values) == ["a", "b", "c", "d"]
        assert isinstance(values["a"], bool)
        assert isinstance(values["b"], int | float)
        assert values["c"] in ("x", "")


@given(st.text(alphabet="0123456789*/-,#@ LWJANSUN", max_size=30))
def test_any_cron_expression_is_answered(text: str) -> None:
    assert refusal(text) is None or refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n" + "- {run: x, foo: 1}\n" * 40_000,
        "a: &a {"
        + ", ".join(f"k{n}: 1" for n in range(9000))
        + "}\n"
        + "".join(f"b{n}: {{<<: *a}}\n" for n in range(20)),
        "steps:\n- run: " + "${{ inputs.a }}" * 60_000,
        "steps:\n- run: '" + " ".join("${{ steps.a%d }}" % n for n in range(40_000)) + "'",  # noqa: UP031  # braces
        "on: {push: {branches: [" + ("'" + "?a" * 500 + "',") * 900 + "]}}\nsteps: [{run: x}]",
        "on:\n  schedule:\n" + f"  - cron: '{'*,' * 90}* * * * *'\n" * 4000 + "steps: [{run: x}]",
    ],
    ids=["errors", "merges", "expressions", "references", "patterns", "crons"],
)
def test_a_large_hostile_file_ends(text: str) -> None:
    assert load(text).diagnostics or load(text).definition
