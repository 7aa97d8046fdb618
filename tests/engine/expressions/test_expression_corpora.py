"""The conformance data of GitHub's own expression library, where it is present."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.expressions import ExpressionError, evaluate

_ROOT = Path(__file__).resolve().parents[3]
_CORPORA = _ROOT / os.environ.get("ANSFLOW_CORPORA", "../shared/corpora") / "expressions"
_KINDS: dict[str, type | tuple[type, ...]] = {
    "Null": type(None),
    "Boolean": bool,
    "Number": (int, float),
    "String": str,
    "Array": list,
    "Object": dict,
}


def _cases() -> Iterator[Any]:
    files = sorted(_CORPORA.glob("*.json"))
    if not files:
        reason = f"no conformance data in {_CORPORA} (set ANSFLOW_CORPORA)"
        yield pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")
    for path in files:
        for group, cases in json.loads(path.read_text()).items():
            for number, case in enumerate(cases):
                yield pytest.param(case, id=f"{path.stem}-{group}-{number}")


@pytest.mark.parametrize("case", list(_cases()))
def test_upstream_case(case: dict[str, Any]) -> None:
    contexts = case.get("contexts", {})
    if "err" in case:
        with pytest.raises(ExpressionError) as caught:
            evaluate(case["expr"], contexts)
        assert caught.value.kind == case["err"]["kind"]
        assert caught.value.message.startswith(case["err"]["value"])
        return
    value = evaluate(case["expr"], contexts)
    kind = case["result"]["kind"]
    assert value == case["result"]["value"]
    assert isinstance(value, _KINDS[kind])
    assert isinstance(value, bool) is (kind == "Boolean")
