"""The workflow files of SchemaStore's tests, where they are present."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.document import UNAVAILABLE, load

_ROOT = Path(__file__).resolve().parents[3]
_CORPORA = _ROOT / os.environ.get("ANSFLOW_CORPORA", "../shared/corpora") / "workflows"


def _files(kind: str) -> Iterator[Any]:
    files = sorted(path for path in (_CORPORA / kind).glob("*") if path.is_file())
    if not files:
        reason = f"no conformance data in {_CORPORA / kind} (set ANSFLOW_CORPORA)"
        yield pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")
    for path in files:
        yield pytest.param(path, id=path.name)


@pytest.mark.parametrize("path", list(_files("valid")))
def test_a_valid_file_loads_or_is_only_unavailable(path: Path) -> None:
    loaded = load(path.read_text(encoding="utf-8"))
    assert [error for error in loaded.errors if error.code not in UNAVAILABLE] == []
    assert loaded.definition is not None


@pytest.mark.parametrize("path", list(_files("invalid")))
def test_an_invalid_file_is_refused_with_a_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    loaded = load(text)
    hard = [error for error in loaded.errors if error.code not in UNAVAILABLE]
    assert hard
    assert loaded.definition is None
    lines = text.split("\n")
    assert all(1 <= error.position.line <= len(lines) for error in hard)
