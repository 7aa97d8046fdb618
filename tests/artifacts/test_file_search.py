"""Patterns of files, apart from jobs."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.runner.file_search import PatternsAreInvalid, Search, name_pattern, parse_search

WORKSPACE, HOME = Path("/w/work"), Path("/w/home")


def search(text: str, *, hidden: bool = True) -> Search:
    return parse_search(text, workspace=WORKSPACE, home=HOME, hidden=hidden)


def matches(text: str, path: str) -> bool:
    return search(text).select([path]) == [Path(path)]


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a", "/w/work/a", True),
        ("a", "/w/work/a/b/c", True),
        ("a", "/w/work/ab", False),
        ("a", "/w/work/b/a", False),
        ("./a/../b", "/w/work/b", True),
        ("~/x", "/w/home/x/y", True),
        ("~", "/w/home/x", True),
        ("~x", "/w/work/~x", True),
        ("/etc/*", "/etc/hosts", True),
        ("*", "/w/work/a/b", True),
        ("*.c", "/w/work/a/b.c", False),
        ("**/*.c", "/w/work/a/b.c", True),
        ("**/*.c", "/w/work/b.c", True),
        ("a/**/b/**/c", "/w/work/a/b/c", True),
        ("a/**/b/**/c", "/w/work/a/1/2/b/3/c", True),
        ("a/**/b/**/c", "/w/work/a/1/2/3/c", False),
        ("a**b", "/w/work/aXXb", True),
        ("a**b", "/w/work/a/b", False),
        ("[!a]", "/w/work/b", True),
        ("[^a]", "/w/work/a", False),
        ("a.b", "/w/work/aXb", False),
        ("(a|b)", "/w/work/a", False),
        ("{a,b}", "/w/work/{a,b}", True),
        ("# a comment\nb", "/w/work/b", True),
        ("a\n!a/b", "/w/work/a/b/c", False),
        ("a\n!a/b\na/b/c", "/w/work/a/b/c", True),
        ("!a\na", "/w/work/a", True),
    ],
)
def test_what_matches(text: str, path: str, expected: bool) -> None:
    assert matches(text, path) is expected


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("a/*/b", ["/w/work/a"]),
        ("a\na/b\nab", ["/w/work/a", "/w/work/ab"]),
        ("*", ["/w/work"]),
        ("a\n!b", ["/w/work/a"]),
        ("/", ["/"]),
    ],
)
def test_where_it_looks(text: str, bases: list[str]) -> None:
    assert [str(base) for base in search(text).bases] == bases


@pytest.mark.parametrize("text", ["", "\n \n", "!a", "# a"])
def test_a_search_for_nothing_is_refused(text: str) -> None:
    with pytest.raises(PatternsAreInvalid):
        search(text)


def test_names_of_artifacts() -> None:
    assert name_pattern("log-*")("log-a")
    assert not name_pattern("log-*")("a-log-a")
    assert name_pattern("**")("anything")


def test_a_hostile_pattern_costs_little() -> None:
    started = time.process_time()
    assert not matches("*a" * 60 + "b", "/w/work/" + "a" * 250)
    assert not matches("**/a/" * 60 + "b", "/w/work/" + "a/" * 250 + "c")
    # Without care this takes longer than the universe lasts; no exact time is meant.
    assert time.process_time() - started < 30


@given(st.text(max_size=30), st.text(st.characters(exclude_characters="\0"), max_size=20))
def test_any_text_is_a_search_or_refused(text: str, name: str) -> None:
    try:
        found = search(text.replace("\0", ""))
    except PatternsAreInvalid:
        return
    found.select([f"/w/work/{name}"])
