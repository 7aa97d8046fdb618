"""One row per rule of jobs and steps: a file, the code of the refusal, and the place (▶)."""

import pytest

from app.engine.document import load
from tests.engine.document.marking import found, job, marked, step

MANY = ", ".join("x" * 129)
JOBS = {
    "job id": ("invalid_id", "jobs: {▶1a: {runs-on: x}}"),
    "reserved job id": ("invalid_id", "jobs: {▶__a: {runs-on: x}}"),
    "job without runs-on": ("missing_key", "jobs: {a: ▶{steps: [{run: x}]}}"),
    "empty job": ("empty_value", "jobs:\n  a:▶\n"),
    "empty runs-on": ("empty_value", "jobs:\n  a:\n    runs-on:▶\n    steps: [{run: x}]"),
    "empty labels": ("empty_value", "jobs: {a: {runs-on: ▶[]}}"),
    "unknown need": ("unknown_need", job("needs: [▶b]")),
    "need of itself": ("needs_cycle", job("needs: ▶a")),
    "cycle": (
        "needs_cycle",
        (
            "jobs: {a: {runs-on: x, needs: ▶b}, b: {runs-on: x, needs: [c]}, "
            "c: {runs-on: x, needs: A}}"
        ),
    ),
    "timeout 0": ("invalid_timeout", job("timeout-minutes: ▶0")),
    "negative timeout": ("invalid_timeout", job("timeout-minutes: ▶-1")),
    "timeout nan": ("invalid_timeout", job("timeout-minutes: ▶.nan")),
    "endless timeout": ("invalid_timeout", job("timeout-minutes: ▶1e400")),
    "timeout as text": ("wrong_type", job("timeout-minutes: ▶'5'")),
    "continue-on-error as text": ("wrong_type", job("continue-on-error: ▶'true'")),
    "matrix as list": ("wrong_type", job("strategy: {matrix: ▶[1]}")),
    "empty matrix": ("empty_value", job("strategy: {matrix: ▶{}}")),
    "vector as text": ("wrong_type", job("strategy: {matrix: {a: ▶b}}")),
    "empty vector": ("empty_value", job("strategy: {matrix: {a: ▶[]}}")),
    "include as map": ("wrong_type", job("strategy: {matrix: {include: ▶{a: 1}}}")),
    "include of text": ("wrong_type", job("strategy: {matrix: {include: [▶a]}}")),
    "too many combinations": (
        "invalid_matrix",
        job(f"strategy:\n  matrix:\n    ▶a: [{MANY}]\n    b: [1, 2]"),
    ),
    "too many combinations with an expression": (
        "invalid_matrix",
        job(f"strategy:\n  matrix:\n    ▶a: [{MANY}]\n    b: ['${{{{ github.ref }}}}', 2]"),
    ),
    "max-parallel 0": ("invalid_value", job("strategy: {max-parallel: ▶0}")),
    "half max-parallel": ("invalid_value", job("strategy: {max-parallel: ▶1.5}")),
    "environment without name": ("missing_key", job("environment: ▶{url: x}")),
    "secrets in if": ("invalid_expression", job("if: ▶secrets.A == 'b'")),
    "steps in outputs of another context": (
        "invalid_expression",
        job("name: ${{ ▶steps.x.outputs.y }}"),
    ),
    "hashFiles in a job": ("invalid_expression", job("if: ▶hashFiles('a') == ''")),
    "retry without attempts": ("missing_key", job("retry: ▶{backoff: 2}")),
    "retry causes": ("invalid_value", job("retry: {max-attempts: 2, on: [▶lost]}")),
    "reports": ("unknown_key", job("reports: {▶junt: [a], junit: [b]}")),
    "container command": ("unknown_key", job("container: {image: a, ▶command: b}")),
    "container without image": ("missing_key", job("container: ▶{options: b}")),
    "steps of a calling job": (
        "exclusive_keys",
        "jobs: {a: {uses: ./.github/workflows/b.yml, ▶steps: [{run: x}]}}",
    ),
    "runs-on of a calling job": (
        "exclusive_keys",
        "jobs: {a: {uses: ./.github/workflows/b.yml, ▶runs-on: x}}",
    ),
    "called file of another kind": (
        "invalid_uses",
        "jobs: {a: {uses: ▶./.github/workflows/b.exe}}",
    ),
    "called file in another folder": ("invalid_uses", "jobs: {a: {uses: ▶./b.yml}}"),
    "called file of a repository without ref": (
        "invalid_uses",
        "jobs: {a: {uses: ▶o/r/.github/workflows/b.yml}}",
    ),
    "secrets as text": (
        "invalid_value",
        "jobs: {a: {uses: ./.github/workflows/b.yml, secrets: ▶all}}",
    ),
}
STEPS = {
    "no run, no uses": ("missing_key", step("▶name: x")),
    "run and uses": ("exclusive_keys", step("run: x\n▶uses: checkout")),
    "with of run": ("exclusive_keys", step("run: x\n▶with: {a: b}")),
    "shell of uses": ("exclusive_keys", step("uses: checkout\n▶shell: bash")),
    "unknown key": ("unknown_key", step("run: x\n▶working-dir: y")),
    "step as text": ("wrong_type", job("steps: [▶x]")),
    "run as list": ("wrong_type", step("run: ▶[x]")),
    "step id": ("invalid_id", step("run: x\nid: ▶1a")),
    "duplicate step id": (
        "duplicate_step_id",
        job("steps:\n  - {run: x, id: a}\n  - {run: x, id: ▶A}"),
    ),
    "shell": ("invalid_shell", step("run: x\nshell: ▶perl")),
    "env as text": ("wrong_type", step("run: x\nenv: ▶A=${{ github.ref }}")),
    "with as text": ("wrong_type", step("uses: checkout\nwith: ▶'{}'")),
    "with of a list": ("wrong_type", step("uses: checkout\nwith: {ref: ▶[a]}")),
    "unknown action": ("unknown_action", step("uses: ▶chekout")),
    "action without ref": ("invalid_uses", step("uses: ▶actions/checkout")),
    "action outside": ("invalid_uses", step("uses: ▶./../a")),
    "unknown input": ("unknown_input", step("uses: checkout\nwith: {▶reff: a}")),
    "unknown input of the public name": (
        "unknown_input",
        step("uses: actions/checkout@v4\nwith: {▶reff: a}"),
    ),
    "missing input": ("missing_input", step("uses: ▶http")),
    "expression in uses": ("expression_not_allowed", step("uses: ▶${{ matrix.a }}")),
    "open expression": ("invalid_expression", step("run: echo ▶${{ github.ref }")),
    "empty expression": ("invalid_expression", step("run: echo ${{▶ }}")),
    "expression syntax": ("invalid_expression", step("run: echo ${{ github ▶ref }}")),
    "unknown context": ("invalid_expression", step("run: |\n  a\n  b ${{ ▶foo.bar }}")),
    "unknown context in quotes": ("invalid_expression", step('run: "a ${{ ▶foo.bar }}"')),
    "second expression": (
        "invalid_expression",
        step("run: ${{ github.ref }} ${{ github.sha }} ${{ ▶foo }}"),
    ),
    "unknown function": ("invalid_expression", step("run: x\nif: github.ref == ▶lower('A')")),
    "status function outside if": ("invalid_expression", step("run: ${{ ▶always() }}")),
}
ROWS = {
    f"{table}: {name}": row
    for table, rows in {"jobs": JOBS, "steps": STEPS}.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize(("code", "text"), ROWS.values(), ids=ROWS.keys())
def test_a_file_is_refused_at_the_place_that_is_wrong(code: str, text: str) -> None:
    source, place = marked(text)
    assert (code, place) in found(source)
    assert load(source).definition is None
