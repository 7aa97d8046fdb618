"""GitHub's filter pattern cheat sheet, and patterns that would break a backtracking matcher."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.filters import InvalidPattern, included
from app.engine.filters.globs import MAX_LENGTH, Glob, refusal

MATCHES = {
    # branches and tags
    "feature/*": ["feature/my-branch", "feature/"],
    "feature/**": ["feature/beta-a/my-branch", "feature/your-branch", "feature/mona/the/octocat"],
    "releases/mona-the-octocat": ["releases/mona-the-octocat"],
    "*": ["main", "README.md", ".hidden"],
    "**": ["all/the/branches", "every/tag", ""],
    "*feature": ["mona-feature", "feature", "ver-10-feature"],
    "v2*": ["v2", "v2.0", "v2.9"],
    "v[12].[0-9]+.[0-9]+": ["v1.10.1", "v2.0.0"],
    # paths
    "*.jsx?": ["page.js", "page.jsx"],
    "*.js": ["app.js", "index.js"],
    "**.js": ["index.js", "js/index.js", "src/js/app.js"],
    "docs/*": ["docs/README.md", "docs/file.txt"],
    "docs/**": ["docs/README.md", "docs/mona/octocat.txt"],
    "docs/**/*.md": ["docs/README.md", "docs/mona/hello-world.md", "docs/a/markdown/file.md"],
    "**/docs/**": ["docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc"],
    "**/README.md": ["README.md", "js/README.md"],
    "**/*src/**": ["a/src/app.js", "my-src/code/js/app.js"],
    "**/*-post.md": ["my-post.md", "path/their-post.md"],
    "**/migrate-*.sql": ["migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql"],
    # characters
    "ab?c": ["ac", "abc"],
    "ab+c": ["abc", "abbbc"],
    "[a-c]x": ["ax", "cx"],
    "[a-]x": ["ax", "-x"],
    "[ab]+": ["a", "abba"],
    r"\*\[\?": ["*[?"],
    r"a\!": ["a!"],
    "a.b": ["a.b"],
    "ü*": ["über"],
}
DIFFERS = {
    "feature/*": ["feature", "feature/a/b", "x/feature/a"],
    "main": ["mainline", "amain", "MAIN"],
    "*": ["a/b"],
    "v[12].[0-9]+.[0-9]+": ["v3.0.0", "v1..0", "v1.0", "v1.0.0-beta"],
    "*.jsx?": ["page.jsxx", "src/page.js"],
    "*.js": ["src/app.js"],
    "docs/**/*.md": ["docs.md", "other/docs/a.md", "docs/a.txt"],
    "**/README.md": ["xREADME.md", "README.md.bak"],
    "docs/**": ["docs", "mydocs/a"],
    "ab?c": ["abbc"],
    "ab+c": ["ac"],
    "[a-c]x": ["dx", "-x", "x"],
    "a.b": ["axb"],
    "a**/b": ["ab"],
}


def _rows(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(pattern, text) for pattern, texts in table.items() for text in texts]


class TestGlob:
    @pytest.mark.parametrize(("pattern", "text"), _rows(MATCHES))
    def test_matches(self, pattern: str, text: str) -> None:
        assert Glob(pattern).matches(text)

    @pytest.mark.parametrize(("pattern", "text"), _rows(DIFFERS))
    def test_does_not_match(self, pattern: str, text: str) -> None:
        assert not Glob(pattern).matches(text)

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ("a?" * 200 + "a" * 200, "a" * 200),
            ("*a" * 100 + "b", "a" * 2000),
            ("**/" * 100 + "x", "a/" * 1000),
            ("[a-z]+" * 100 + "!", "a" * 2000),
        ],
        ids=["optional", "stars", "folders", "sets"],
    )
    def test_hostile_patterns_take_linear_time(self, pattern: str, text: str) -> None:
        assert Glob(pattern).matches(text) is pattern.endswith("a")


_TOKENS = {
    "a": "a",
    "b": "b",
    "/": "/",
    ".": r"\.",
    "[ab]": "[ab]",
    "[!a]": "[!a]",
    "a?": "a?",
    "b+": "b+",
    "*": "[^/]*",
    r"\*": r"\*",
}


@given(st.lists(st.sampled_from(sorted(_TOKENS)), max_size=6), st.text("ab/.*!", max_size=8))
def test_patterns_mean_the_same_as_regular_expressions(tokens: list[str], text: str) -> None:
    pattern = "".join(tokens)
    if "**" in pattern.replace(r"\*", ""):
        return  # two stars side by side are another token
    expected = re.fullmatch("".join(_TOKENS[token] for token in tokens), text, re.DOTALL)
    assert Glob(pattern).matches(text) is (expected is not None)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_pattern_is_refused_or_answers(pattern: str, text: str) -> None:
    if refusal(pattern) is None:
        assert included([pattern, text] if refusal(text) is None else [pattern], text) in (
            True,
            False,
        )
    else:
        with pytest.raises(InvalidPattern):
            Glob(pattern.removeprefix("!") or "+")


class TestOrder:
    def test_a_later_exclusion_wins(self) -> None:
        patterns = ["*.md", "!README.md"]
        assert included(patterns, "hello.md")
        assert not included(patterns, "README.md")
        assert not included(patterns, "docs/hello.md")

    def test_a_still_later_inclusion_wins_again(self) -> None:
        patterns = ["*.md", "!README.md", "README*"]
        assert [
            name for name in ("hello.md", "README.md", "README.doc") if included(patterns, name)
        ] == ["hello.md", "README.md", "README.doc"]

    def test_an_exclusion_first_excludes_nothing(self) -> None:
        assert included(["!README.md", "*.md"], "README.md")

    def test_no_pattern_includes_nothing(self) -> None:
        assert not included([], "a")


@pytest.mark.parametrize(
    "pattern", ["!", "+", "?a", "!+a", "[", "a[bc", "[]", "[b-a]", "a\\", "a" * (MAX_LENGTH + 1)]
)
def test_patterns_that_cannot_be_read_are_refused(pattern: str) -> None:
    assert refusal(pattern)
