"""Chunks come back as they went in; damaged ones say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.log_chunks import (
    ChunkIsDamaged,
    Line,
    Times,
    compress,
    decode_times,
    digest,
    encode_times,
    lines_of,
    merge,
    served_text,
)

runs = st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 10_000)), max_size=20)


@given(runs, st.sets(st.integers(0, 100_000), max_size=10), st.integers(0, 2**41))
def test_times_survive(gaps: list[tuple[int, int]], continued: set[int], start: int) -> None:
    at, stamped = start, []
    for count, gap in gaps:
        at += gap
        stamped.append((count, at))
    times = Times(stamped, sorted(continued))
    assert decode_times(encode_times(times)) == times


@given(st.binary(max_size=60))
def test_any_bytes_are_times_or_damaged(data: bytes) -> None:
    try:
        decode_times(data)
    except ChunkIsDamaged:
        return


def test_a_clock_that_goes_back_never_makes_times_go_back() -> None:
    assert decode_times(encode_times(Times([(1, 50), (1, 40), (1, 60)]))).runs == [
        (1, 50),
        (1, 50),
        (1, 60),
    ]


def test_lines_have_numbers_times_and_the_served_text_has_no_newline_inside_a_long_line() -> None:
    data = compress("eins\nzw\ni\u00df\n".encode())
    times = encode_times(Times([(2, 100), (1, 101)], [1]))
    assert lines_of(data, times, 7) == [
        Line(7, 1000, "eins"),
        Line(8, 1000, "zw", continued=True),
        Line(9, 1010, "i\u00df"),
    ]
    assert served_text(data, times) == "eins\nzwi\u00df\n".encode()


def test_merged_chunks_serve_the_same_lines() -> None:
    first = compress(b"a\nb\n"), encode_times(Times([(2, 5)], [1]))
    second = compress(b"c\nd\n"), encode_times(Times([(1, 5), (1, 9)], [0]))
    merged = merge([first, second])
    assert served_text(*merged) == served_text(*first) + served_text(*second) == b"a\nbcd\n"
    assert lines_of(*merged, 1) == lines_of(*first, 1) + lines_of(*second, 3)
    assert decode_times(merged[1]).runs == [(3, 5), (1, 9)]


def test_the_digest_tells_other_times_and_other_text() -> None:
    data, times = compress(b"a\n"), encode_times(Times([(1, 5)]))
    assert digest(data, times) == digest(data, times)
    assert digest(data, times) != digest(data, encode_times(Times([(1, 6)])))
    assert digest(data, times) != digest(compress(b"b\n"), times)


@pytest.mark.parametrize("data", [b"", b"no chunk", compress(b"a\n")[:-2]])
def test_damaged_data_is_refused(data: bytes) -> None:
    with pytest.raises(ChunkIsDamaged):
        lines_of(data, encode_times(Times([(1, 1)])), 1)


def test_lines_without_times_are_refused() -> None:
    with pytest.raises(ChunkIsDamaged, match="2 lines have 1 times"):
        lines_of(compress(b"a\nb\n"), encode_times(Times([(1, 1)])), 1)
