"""Which steps run, and what failing means."""

import pytest

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench

HEAD = "on: push\njobs:\n  job:\n    runs-on: host\n    steps:\n"


async def test_status_functions_choose_what_runs_after_a_failure(bench: Bench) -> None:
    result = await bench.run(
        HEAD
        + """
      - run: exit 1
        id: first
      - run: echo implied
      - run: echo failure
        if: failure()
      - run: echo always
        if: always()
      - run: echo cancelled
        if: cancelled()
      - run: echo "${{ steps.first.outcome }}"
        if: failure() && steps.first.conclusion == 'failure'
"""
    )
    assert result.status is JobStatus.FAILURE
    assert bench.store.statuses() == [
        "failure",
        "skipped",
        "success",
        "success",
        "skipped",
        "success",
    ]
    assert bench.store.text(5) == "failure\n"
    assert bench.store.step(4).reason == (
        "Its condition is false: if: cancelled() (step at line 14)."
    )


async def test_continue_on_error_tells_outcome_from_conclusion(bench: Bench) -> None:
    result = await bench.run(
        HEAD
        + """
      - run: exit 7
        id: flaky
        continue-on-error: ${{ github.event_name == 'push' }}
      - run: echo "${{ steps.flaky.outcome }} ${{ steps.flaky.conclusion }} ${{ job.status }}"
"""
    )
    assert result.status is JobStatus.SUCCESS
    assert bench.store.text(1) == "failure success success\n"
    first = bench.store.step(0)
    assert (first.status, first.outcome, first.conclusion) == ("failure", "failure", "success")


async def test_a_condition_reads_env_of_the_step_and_of_earlier_steps(bench: Bench) -> None:
    await bench.run(
        HEAD
        + """
      - run: echo MODE=fast >> "$GITHUB_ENV"
      - run: echo ran
        if: env.MODE == 'fast' && env.OWN == 'x'
        env: {OWN: x}
"""
    )
    assert bench.store.statuses() == ["success", "success"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("if: fromJSON('{')", "if cannot be evaluated"),
        ("timeout-minutes: ${{ 'soon' }}", "timeout-minutes must be a number of minutes"),
        ("env: ${{ fromJSON('[1]') }}", "env must be a map"),
        ("working-directory: missing", "missing does not exist"),
        ("shell: nosuch {0}", "'nosuch' does not exist on this worker"),
        ("shell: pwsh", "PowerShell (pwsh) is not installed"),
    ],
)
async def test_a_step_that_cannot_run_fails_with_its_reason(
    bench: Bench, key: str, expected: str
) -> None:
    result = await bench.run(f"{HEAD}\n      - run: echo no\n        {key}\n      - run: echo no")
    assert result.status is JobStatus.FAILURE
    assert bench.store.statuses() == ["failure", "skipped"]
    assert expected in (bench.store.step(0).reason or "")


async def test_a_step_is_tried_again_with_a_log_per_attempt(bench: Bench) -> None:
    result = await bench.run(
        HEAD
        + """
      - run: |
          echo try >> tries
          cat tries
          test "$(wc -l < tries)" = 3
        retry: {max-attempts: 5}
"""
    )
    assert result.status is JobStatus.SUCCESS
    assert bench.store.text(0, 2) == "try\ntry\n"
    assert bench.store.step(0, 1).status == "failure"
    assert bench.store.step(0).attempt == 3
    assert bench.store.step(0, 1).complete


async def test_job_env_that_cannot_be_evaluated_fails_the_job(bench: Bench) -> None:
    text = HEAD.replace("    steps", "    env: {A: \"${{ fromJSON('{') }}\"}\n    steps")
    result = await bench.run(text + "      - run: echo no\n        if: always()\n")
    assert result.status is JobStatus.FAILURE
    assert "jobs.job.env.A cannot be evaluated" in (result.reason or "")
    assert bench.store.statuses() == ["skipped"]
