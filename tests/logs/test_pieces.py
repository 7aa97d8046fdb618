"""Parts of chunks: what is cut out is what the whole chunk says of these lines."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.log_chunks import (
    ChunkIsDamaged,
    Times,
    compress,
    encode_times,
    lines_of,
    served_text,
)
from app.logs.pieces import piece_of

texts = st.lists(
    st.text(st.characters(exclude_characters="\n"), max_size=8), min_size=1, max_size=12
)


def chunk(lines: Sequence[str], continued: Sequence[int] = ()) -> tuple[bytes, bytes]:
    data = compress("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    runs = [(1, 100 + 3 * number) for number in range(len(lines))]
    return data, encode_times(Times(runs, continued))


@given(texts, st.data())
def test_a_piece_has_the_lines_of_its_range(lines: list[str], draw: st.DataObject) -> None:
    continued = sorted(draw.draw(st.sets(st.integers(0, len(lines) - 1))))
    data, times = chunk(lines, continued)
    start = draw.draw(st.integers(1, 10 + len(lines) - 1))
    end = draw.draw(st.integers(max(start, 10), 10 + len(lines)))
    piece = piece_of(data, times, first_line=10, line_count=len(lines), start=start, end=end)
    wanted = [line for line in lines_of(data, times, 10) if start <= line.number <= end]
    assert piece.numbered() == wanted
    assert piece.next_line == (wanted[-1].number + 1 if wanted else piece.first_line)


@given(texts, st.integers(1, 30))
def test_splitting_and_joining_changes_nothing(lines: list[str], size: int) -> None:
    data, times = chunk(lines, [0])
    piece = piece_of(data, times, first_line=1, line_count=len(lines))
    parts = list(piece.split(size))
    assert [line for part in parts for line in part.numbered()] == piece.numbered()
    assert b"".join(part.text() for part in parts) == served_text(data, times)


def test_a_chunk_with_fewer_lines_than_it_says_is_damaged() -> None:
    data, times = chunk(["a", "b"])
    with pytest.raises(ChunkIsDamaged, match="fewer lines"):
        piece_of(data, times, first_line=1, line_count=5, start=4)
