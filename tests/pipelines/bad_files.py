"""Pipeline files that are wrong, each in one way, with what must be said of it."""

from typing import NamedTuple

from tests.fixtures.factories import SOURCE


class BadFile(NamedTuple):
    """`line` and `column` are the place of the first error, `words` part of its message."""

    source: str
    line: int
    column: int
    code: str
    words: str


def _bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 10):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    return "\n".join(lines)


_NEEDS = """jobs:
  build:
    runs-on: ubuntu-latest
    needs: {build}
    steps: [{{run: make}}]
  test:
    runs-on: ubuntu-latest
    needs: {test}
    steps: [{{run: make test}}]
"""

BAD_FILES = {
    "not YAML": BadFile("steps:\n  - run: [a\n", 3, 1, "invalid_yaml", "the '[' of line 2"),
    "a tab": BadFile("steps:\n\t- run: x\n", 2, 1, "tab_indentation", "with spaces only"),
    "a key twice": BadFile(
        "steps:\n  - run: a\n    run: b\n", 3, 5, "duplicate_key", "already defined in line 2"
    ),
    "an alias bomb": BadFile(_bomb(), 6, 10, "too_many_nodes", "once its aliases are expanded"),
    "deep flow nesting": BadFile("[" * 500, 1, 101, "too_deep", "more than 100 levels"),
    "deep block nesting": BadFile(
        "\n".join(" " * depth + "a:" for depth in range(500)),
        *(100, 100),
        "too_deep",
        "more than 100 levels",
    ),
    "not a mapping": BadFile("- a list\n", 1, 1, "wrong_type", "expected a map"),
    "an unknown key": BadFile("stebs: 1\n" + SOURCE, 1, 1, "unknown_key", "did you mean 'steps'"),
    "an unknown job": BadFile(
        _NEEDS.format(build="[]", test="biuld"), 8, 12, "unknown_need", "did you mean 'build'"
    ),
    "a cycle": BadFile(
        _NEEDS.format(build="test", test="build"), 4, 12, "needs_cycle", "build → test → build"
    ),
    "an expression": BadFile(
        "steps:\n  - run: echo ${{ github. }}\n", 2, 25, "invalid_expression", "end of expression"
    ),
}
