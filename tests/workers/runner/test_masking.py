"""Secrets do not reach the log, whatever form they take and however the bytes arrive."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, steps
from workers.runner.lines import LineSplitter
from workers.runner.masking import Masker

VALUE = "s3cr&t/va+lue"


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        quote_plus(VALUE),
        json.dumps({"k": VALUE}),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(b"user:" + VALUE.encode()).decode(),
        base64.b64encode(b"u:" + VALUE.encode() + b"!").decode(),
        base64.urlsafe_b64encode(b"xy" + VALUE.encode()).decode(),
    ],
)
def test_forms_of_a_secret_are_masked(text: str) -> None:
    masked = Masker([VALUE]).text(f"before {text} after")
    assert "***" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert VALUE not in masked


def test_every_line_of_a_secret_is_masked_by_itself() -> None:
    masker = Masker(["first line\n  second one\nx\n"])
    assert masker.text("a first line b\nsecond one\nx") == "a *** b\n***\nx"


def test_overlapping_secrets_leave_nothing_of_either() -> None:
    assert Masker(["abcde", "defgh"]).text("1abcdefgh2") == "1***2"
    assert Masker(["aaa"]).text("baaaaab") == "b***b"


@pytest.mark.parametrize("secret", ["", "x", "ab", "a\nb", "  "])
def test_short_secrets_are_not_masked(secret: str) -> None:
    masker = Masker()
    assert not masker.add(secret)
    assert masker.text("abx a b") == "abx a b"


pieces = st.lists(
    st.sampled_from([b"SECRET", b"SEC", b"RET", b"\n", b"xx", b"\xff", b"::", b"S" * 70_000]),
    max_size=12,
)


@given(pieces, st.data())
def test_the_log_is_the_same_however_the_bytes_are_cut(
    parts: list[bytes], data: st.DataObject
) -> None:
    text = b"".join(parts)
    whole = _served(Masker(["SECRET"]), [text])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    edges = [0, *cuts, len(text)]
    fed = [text[start:stop] for start, stop in pairwise(edges)]
    assert _served(Masker(["SECRET"]), fed) == whole
    assert b"SECRET" not in whole


def _served(masker: Masker, parts: list[bytes]) -> bytes:
    splitter = LineSplitter(masker)
    blocks = [splitter.feed(part) for part in parts] + [splitter.end()]
    out = []
    for block in blocks:
        if block is not None:
            lines = block.data.split(b"\n")[:-1]
            assert len(lines) == block.count
            for index, line in enumerate(lines):
                out.append(line if index in block.continued else line + b"\n")
    return b"".join(out)


async def test_secrets_are_masked_wherever_they_would_be_shown(bench: Bench) -> None:
    result = await bench.run(
        """
on: push
jobs:
  job:
    runs-on: host
    outputs: {leak: "${{ steps.a.outputs.leak }}", fine: yes}
    steps:
      - id: a
        name: Use ${{ secrets.KEY }}
        run: |
          printf 'top-'; sleep 0.2; echo 'secret-value'
          echo "::error file=a::found top-secret-value"
          echo "leak=top-secret-value" >> "$GITHUB_OUTPUT"
          echo "see top-secret-value" >> "$GITHUB_STEP_SUMMARY"
      - run: exit 1
        name: fail top-secret-value
""",
        secrets={"KEY": "top-secret-value"},
    )
    assert result.status is JobStatus.FAILURE
    assert bench.store.text(0) == "***\n##[error]found ***\n"
    assert result.outputs == {"fine": "yes"}
    assert "top-secret-value" not in repr(result) + repr(bench.store.updates)
    assert bench.store.step(0).outputs == {"leak": "***"}
    assert bench.store.step(0).summary == "see ***\n"
    assert result.annotations[0].message == "found ***"


async def test_add_mask_works_from_there_on_in_the_whole_job(bench: Bench) -> None:
    await bench.run(
        steps("echo hidden-1\necho '::add-mask::hidden-1'\necho hidden-1", "echo hidden-1")
    )
    assert bench.store.text(0) == "hidden-1\n***\n"
    assert bench.store.text(1) == "***\n"
