"""The pure engine: planning, expressions, linting. No I/O but reading the corpora."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from app.engine.document import load, require
from app.engine.expressions import evaluate, parse
from app.engine.plan import plan
from tests.bench.figures import Figure

CORPORA = Path(os.environ.get("ANSFLOW_CORPORA", Path(__file__).parents[3] / "shared/corpora"))


async def engine() -> AsyncIterator[Figure]:
    """Planning 250 jobs, one expression, linting all workflow corpora."""
    text = "on: push\njobs:\n" + "".join(
        f"  job{number}:\n    runs-on: ubuntu-latest\n"
        + (f"    needs: job{number - 1}\n" if number % 5 else "")
        + "    steps:\n      - run: make ${{ github.ref_name }}\n"
        for number in range(250)
    )
    definition = require(text)
    contexts = {"github": {"ref_name": "main"}, "inputs": {}, "vars": {}}
    started = time.perf_counter()
    planned = plan(definition, contexts)
    elapsed = time.perf_counter() - started
    assert len(planned.nodes) == 250
    yield Figure("plan a file of 250 jobs", elapsed * 1000, "ms", 50, at_least=False)

    expression = parse("format('{0}-{1}', github.ref_name, matrix.os)")
    values = {"github": {"ref_name": "main"}, "matrix": {"os": "linux"}}
    rounds = 20_000
    started = time.perf_counter()
    for _ in range(rounds):
        evaluate(expression, values)
    elapsed = time.perf_counter() - started
    yield Figure("evaluate format()", elapsed / rounds * 1e6, "µs", 20, at_least=False)

    files = sorted((CORPORA / "workflows").rglob("*.y*ml"))
    if files:
        texts = [path.read_text() for path in files]
        started = time.perf_counter()
        for one in texts:
            load(one)
        elapsed = time.perf_counter() - started
        yield Figure(f"lint {len(files)} files", elapsed, "s", 5, at_least=False)
