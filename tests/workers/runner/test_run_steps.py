"""Steps of a job run as real processes, in order, and what they print is kept."""

import hashlib

from app.engine.states import JobStatus
from tests.workers.runner.memory import Bench, steps


async def test_two_steps_run_in_order_and_their_logs_are_kept(bench: Bench) -> None:
    result = await bench.run(steps("echo one; echo two >&2", "printf three"))
    assert result.status is JobStatus.SUCCESS
    assert bench.store.result == result
    assert bench.store.statuses() == ["success", "success"]
    assert [(line.number, line.text) for line in bench.store.lines(0)] == [(1, "one"), (2, "two")]
    assert bench.store.text(1) == "three\n"
    last = bench.store.step(1)
    assert last.complete
    assert (last.lines, last.bytes, last.exit_code) == (1, 6, 0)
    assert last.sha256 == hashlib.sha256(b"three\n").hexdigest()


async def test_a_failing_step_ends_the_job_with_the_reason(bench: Bench) -> None:
    result = await bench.run(steps("exit 3", "echo never"))
    assert result.status is JobStatus.FAILURE
    assert result.reason == "Step 'Run exit 3': Process completed with exit code 3."
    assert bench.store.statuses() == ["failure", "skipped"]
    assert bench.store.step(0).exit_code == 3
    assert "failed before" in (bench.store.step(1).reason or "")
